from __future__ import annotations

import configparser
import sys
from pathlib import Path

from nacre.host import systemd
from nacre.kernel.config import Settings, default_state


def unit_of(settings: Settings) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=True)
    unit.optionxform = str
    unit.read_string(systemd.unit_text(settings))
    return unit


def test_the_unit_runs_the_supervisor_of_this_state_and_is_started_with_the_machine():
    unit = unit_of(Settings(state="/srv/cloud"))
    assert unit["Service"]["Environment"] == "NACRE_STATE=/srv/cloud"
    assert unit["Service"]["ExecStart"] == f"{sys.executable} -m nacre.cli.main supervise"
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_the_end_of_the_supervisor_ends_nothing_else():
    service = unit_of(Settings(state="/srv/cloud"))["Service"]
    assert service["KillMode"] == "process"
    assert service["Restart"] == "always"


def test_stopping_the_unit_stops_the_cloud_in_its_order_and_asks_systemd_for_nothing():
    service = unit_of(Settings(state="/srv/cloud"))["Service"]
    assert service["ExecStop"] == f"{sys.executable} -m nacre.cli.main down --by-unit"


def test_programs_are_named_by_their_whole_path_as_units_demand():
    assert Path(unit_of(Settings(state="/srv/cloud"))["Service"]["ExecStart"].split()[0]).is_absolute()


def test_each_state_has_a_unit_of_its_own():
    assert systemd.unit_name(Settings(state=default_state())) == "nacre.service"
    assert systemd.unit_name(Settings(state="/srv/a/b")) == "nacre-srv-a-b.service"
