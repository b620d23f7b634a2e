"""Guests by libvirt and QEMU.

libvirtd may be killed at any time: guests run on, calls fail as EngineAway, and the next call connects anew.
A call waits as long as libvirtd lives and does not answer: the binding knows no time limit of its own, but
keep-alive messages end the connection, and with it the call, when the daemon hangs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import libvirt

from nacre.agent.domain.sight import GuestRecord, GuestSeen, Make, PluggedNic, Run
from nacre.agent.drivers.base import CannotHost, Changed, EngineAway, EngineRefused, GuestCapabilities
from nacre.agent.drivers.domain_xml import (
    METADATA_URI,
    DomainHost,
    domain_name,
    domain_xml,
    interface_xml,
    make_in,
    nics_in,
)
from nacre.agent.drivers.files import BASE_FORMATS, GuestFiles
from nacre.compute.domain.guests import GuestNic, GuestSpec
from nacre.kernel.errors import Problem
from nacre.kernel.ids import PortId, ServerId

log = logging.getLogger("nacre.agent")

KEEPALIVE_S, KEEPALIVE_MISSES = 5, 3
EVENT_LIMIT_S = 2.0
NO_NICS: frozenset[PluggedNic] = frozenset()

_AWAY = frozenset({
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_INVALID_CONN,
    libvirt.VIR_ERR_RPC,
    libvirt.VIR_ERR_OPERATION_TIMEOUT,
    libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
})  # fmt: skip
_NEVER = frozenset({
    libvirt.VIR_ERR_XML_ERROR,
    libvirt.VIR_ERR_XML_DETAIL,
    libvirt.VIR_ERR_XML_INVALID_SCHEMA,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
})  # fmt: skip
_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)


class _Process(NamedTuple):
    """A guest's process by the number that libvirt gave it, with what it has."""

    number: int
    nics: frozenset[PluggedNic]
    make: Make | None


_NO_PROCESS = _Process(0, NO_NICS, None)


class LibvirtGuests:
    """A GuestDriver on one libvirtd. It sees and touches the domains alone that carry its cloud's mark."""

    def __init__(
        self, uri: str, files: GuestFiles, *, name_prefix: str, describe_host: Callable[[], DomainHost]
    ) -> None:
        """`name_prefix` begins the names of this cloud's domains, and of no others. `describe_host` is asked
        whenever a guest is defined.
        """
        self._files = files
        self._prefix = name_prefix
        self._describe_host = describe_host
        self._connection = _Connection(uri, self._on_lifecycle)
        self._changed: list[Changed] = []
        self._owned: set[ServerId] = set()
        self._processes: dict[ServerId, _Process] = {}

    @property
    def capabilities(self) -> GuestCapabilities:
        """The hypervisor's version is 0 until libvirtd has first been reached."""
        return GuestCapabilities(
            hypervisor_type="QEMU",
            hypervisor_version=self._connection.version,
            disk_formats=frozenset(BASE_FORMATS),
        )

    # -- seeing ----------------------------------------------------------------------------------------

    def observe(self) -> Mapping[ServerId, GuestSeen]:
        runs: dict[ServerId, tuple[int, int]] = {}
        processes: dict[ServerId, _Process] = {}
        with self._connection.use() as libvirtd:
            saved = {
                domain.UUIDString()
                for domain in libvirtd.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)
            }
            for domain, stats in libvirtd.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0):
                guest_id = ServerId(domain.UUIDString())
                if domain.name() == self._name(guest_id):
                    runs[guest_id] = (stats["state.state"], stats["state.reason"])
                    processes[guest_id] = self._process_of(domain)
        seen = {
            guest_id: self._seen(guest_id, state, saved=guest_id in saved, process=processes[guest_id])
            for guest_id, state in runs.items()
        }
        for guest_id in self._files.guest_ids():
            if guest_id not in seen:
                seen[guest_id] = self._seen(guest_id, None)
        return seen

    def observe_guest(self, guest_id: ServerId) -> GuestSeen:
        with self._connection.use() as libvirtd:
            domain = self._find(libvirtd, guest_id)
            state = tuple(domain.state()) if domain else None
            saved = domain is not None and bool(domain.hasManagedSaveImage())
            process = self._process_of(domain, anew=True) if domain else _NO_PROCESS
        return self._seen(guest_id, state, saved=saved, process=process)

    def _process_of(self, domain: Any, *, anew: bool = False) -> _Process:
        """What a guest with a process was last seen to have, which changes by our doing alone."""
        guest_id, number = ServerId(domain.UUIDString()), domain.ID()
        process = self._processes.get(guest_id, _NO_PROCESS)
        if number > 0 and (anew or number != process.number):
            definition = domain.XMLDesc(0)
            process = _Process(number, frozenset(nics_in(definition)), make_in(definition))
            self._processes[guest_id] = process
        return process

    def _seen(
        self,
        guest_id: ServerId,
        state: tuple[int, int] | None,
        *,
        saved: bool = False,
        process: _Process = _NO_PROCESS,
    ) -> GuestSeen:
        run = Run.OFF if state is None else _run_of(*state)
        endings = self._connection.endings
        ended_itself: bool | None = False
        if run is not Run.OFF:
            endings.saw_active(guest_id)
        elif state is not None:
            ended_itself = endings.ended_itself(guest_id, reason=state[1])
        # An end that is not yet understood is not yet seen.
        run = Run.RUNNING if ended_itself is None else run
        return GuestSeen(
            guest_id=guest_id,
            disks=self._files.disks(guest_id),
            defined=state is not None,
            run=run,
            saved=saved,
            ended_itself=bool(ended_itself),
            record=self._files.record(guest_id),
            remains=self._files.remains(guest_id),
            nics=NO_NICS if run is Run.OFF else process.nics,
            make=None if run is Run.OFF else process.make,
        )

    # -- building --------------------------------------------------------------------------------------

    def ensure_disk(self, spec: GuestSpec) -> None:
        self._files.ensure_disk(spec)

    def ensure_defined(self, spec: GuestSpec) -> None:
        with self._connection.use() as libvirtd:
            self._define(libvirtd, spec)

    def ensure_paused(self, spec: GuestSpec) -> None:
        with self._connection.use() as libvirtd:
            domain = self._find(libvirtd, spec.guest_id)
            if domain is not None and domain.isActive():
                return
            if domain is None or not domain.hasManagedSaveImage():
                domain = self._define(libvirtd, spec)
            self._connection.endings.saw_start(spec.guest_id)
            domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)

    def _define(self, libvirtd: Any, spec: GuestSpec) -> Any:
        guest_id = spec.guest_id
        self._files.console_log(guest_id).parent.mkdir(parents=True, exist_ok=True)
        xml = domain_xml(
            spec,
            self._describe_host(),
            disk=self._files.disk(guest_id, spec.disk),
            console_log=self._files.console_log(guest_id),
        )
        return libvirtd.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)

    def ensure_running(self, guest_id: ServerId) -> None:
        with self._domain(guest_id) as domain:
            if domain is None:
                raise EngineRefused("libvirt", f"guest {guest_id} is gone")
            if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
                domain.resume()

    def keep_record(self, guest_id: ServerId, record: GuestRecord) -> None:
        self._files.keep_record(guest_id, record)

    def ensure_still(self, guest_id: ServerId) -> None:
        with self._domain(guest_id) as domain:
            if domain is not None and domain.isActive():
                domain.suspend()

    def ensure_saved(self, guest_id: ServerId) -> None:
        with self._domain(guest_id) as domain:
            if domain is not None and domain.isActive():
                domain.managedSave(libvirt.VIR_DOMAIN_SAVE_PAUSED)

    def remove_saved(self, guest_id: ServerId) -> None:
        with self._domain(guest_id) as domain:
            if domain is not None and domain.hasManagedSaveImage():
                domain.managedSaveRemove()

    # -- interfaces of guests that have a process; the next start defines them anew --------------------

    def ensure_plugged(self, guest_id: ServerId, nic: GuestNic) -> None:
        with self._domain(guest_id) as domain:
            if domain is None:
                raise EngineRefused("libvirt", f"guest {guest_id} is gone")
            if all(plugged.port_id != nic.port_id for plugged in nics_in(domain.XMLDesc(0))):
                xml = interface_xml(nic, self._describe_host())
                domain.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def ask_unplug(self, guest_id: ServerId, port_id: PortId) -> None:
        with self._domain(guest_id) as domain:
            if domain is None:
                return
            for nic, alias in nics_in(domain.XMLDesc(0)).items():
                if nic.port_id == port_id:
                    domain.detachDeviceAlias(alias, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    # -- leaving ---------------------------------------------------------------------------------------

    def press_power_button(self, guest_id: ServerId) -> None:
        with self._domain(guest_id) as domain:
            if domain is not None and domain.isActive():
                domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)

    def ensure_off(self, guest_id: ServerId) -> None:
        with self._domain(guest_id) as domain:
            if domain is not None:
                self._destroy(domain)

    def remove_guest(self, guest_id: ServerId) -> None:
        with self._domain(guest_id) as domain:
            if domain is not None:
                self._destroy(domain)
                domain.undefineFlags(_UNDEFINE)
        self._owned.discard(guest_id)
        self._processes.pop(guest_id, None)
        self._connection.endings.forget(guest_id)

    def _destroy(self, domain: Any) -> None:
        if not domain.isActive():
            return
        try:
            domain.destroy()
        except libvirt.libvirtError:
            if domain.isActive():  # Else it ended by itself just now.
                raise

    def remove_disks(self, guest_id: ServerId, disks: Collection[int]) -> None:
        self._files.remove_disks(guest_id, disks)

    def remove_remains(self, guest_id: ServerId) -> None:
        self._files.remove(guest_id)

    def console_tail(self, guest_id: ServerId, *, lines: int) -> bytes:
        return self._files.console_tail(guest_id, lines=lines)

    # -- watching --------------------------------------------------------------------------------------

    def watch(self, changed: Changed) -> None:
        self._changed.append(changed)

    def complaint(self) -> str:
        return self._connection.complaint

    def _on_lifecycle(self, domain: Any | None) -> None:
        """A domain started, ended or halted; or the connection was lost or made anew (None)."""
        guest_id = ServerId(domain.UUIDString()) if domain is not None else None
        if domain is not None and guest_id is not None and domain.name() != self._name(guest_id):
            return
        for changed in self._changed:
            changed(guest_id)

    # -- whose they are --------------------------------------------------------------------------------

    def _name(self, guest_id: ServerId) -> str:
        return domain_name(self._prefix, guest_id)

    def _find(self, libvirtd: Any, guest_id: ServerId) -> Any | None:
        try:
            domain = libvirtd.lookupByUUIDString(guest_id)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise
        return domain if domain.name() == self._name(guest_id) else None

    @contextmanager
    def _domain(self, guest_id: ServerId) -> Iterator[Any | None]:
        """The guest's domain, to be changed: it carries this cloud's mark. None if there is no such domain."""
        with self._connection.use() as libvirtd:
            domain = self._find(libvirtd, guest_id)
            if domain is not None and guest_id not in self._owned:
                self._check_owner(domain, guest_id)
                self._owned.add(guest_id)
            yield domain

    def _check_owner(self, domain: Any, guest_id: ServerId) -> None:
        try:
            mark = domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, METADATA_URI, 0)
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN_METADATA:
                raise
            mark = ""
        if f'cloud="{self._prefix}"' not in mark.replace("'", '"'):
            raise EngineRefused("libvirt", f"domain {domain.name()} was not made by this cloud")
        log.debug("guest %s is ours", guest_id)


class _Endings:
    """Why the guests of one connection ended, as far as libvirt knows.

    libvirt forgets reasons when it restarts, and then calls guests crashed that fell with it: a crash counts as
    the guest's own only if the guest was seen running by this very libvirtd. It says "shut down" also of a QEMU
    that was ended by a signal from outside; only the event that it sends of it knows better. The event may
    come a moment after the state.
    """

    def __init__(self) -> None:
        self._active: set[ServerId] = set()
        self._told: dict[ServerId, bool] = {}  # By guest: whether its shutdown was its own.
        self._untold_since: dict[ServerId, float] = {}

    def saw_active(self, guest_id: ServerId) -> None:
        """It has a process, which may be on its way out, as an event has told already."""
        self._active.add(guest_id)

    def saw_start(self, guest_id: ServerId) -> None:
        self._active.add(guest_id)
        self._told.pop(guest_id, None)
        self._untold_since.pop(guest_id, None)

    def heard_shutdown(self, guest_id: ServerId, *, by_itself: bool) -> None:
        self._told[guest_id] = by_itself

    def ended_itself(self, guest_id: ServerId, *, reason: int) -> bool | None:
        """Whether the guest, now off for this reason, ended without being told to; None if it is not yet known."""
        if reason == libvirt.VIR_DOMAIN_SHUTOFF_CRASHED:
            return guest_id in self._active
        if reason != libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN:
            return False
        if guest_id in self._told:
            return self._told[guest_id]
        if guest_id not in self._active:
            return True  # It ended before we came, and no event will tell more.
        now = time.monotonic()
        return None if now - self._untold_since.setdefault(guest_id, now) < EVENT_LIMIT_S else True

    def forget(self, guest_id: ServerId) -> None:
        self.saw_start(guest_id)
        self._active.discard(guest_id)


class _Connection:
    """One connection to libvirtd, made when it is needed and made anew when it broke."""

    def __init__(self, uri: str, on_event: Callable[[Any | None], None]) -> None:
        self._uri = uri
        self._on_event = on_event
        self._lock = threading.Lock()
        self._libvirtd: Any | None = None
        self.complaint = ""
        self.version = 0
        self.endings = _Endings()
        _start_event_loop()

    @contextmanager
    def use(self) -> Iterator[Any]:
        """The open connection. What libvirt raises within comes out as a Problem."""
        libvirtd = self._open()
        try:
            yield libvirtd
        except libvirt.libvirtError as error:
            raise self._problem(libvirtd, error) from error

    def _open(self) -> Any:
        with self._lock:
            if self._libvirtd is None:
                try:
                    self._libvirtd = self._connect()
                except libvirt.libvirtError as error:
                    self.complaint = f"libvirt does not answer: {error}"
                    raise EngineAway("libvirt", str(error)) from error
                self.complaint = ""
            return self._libvirtd

    def _connect(self) -> Any:
        libvirtd = libvirt.open(self._uri)
        self.endings = _Endings()
        self.version = libvirtd.getVersion()
        libvirtd.setKeepAlive(KEEPALIVE_S, KEEPALIVE_MISSES)
        libvirtd.registerCloseCallback(self._on_close, None)
        for event, told in (
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self._on_device_removed),
        ):
            libvirtd.domainEventRegisterAny(None, event, told, None)
        return libvirtd

    def _problem(self, libvirtd: Any, error: libvirt.libvirtError) -> Problem:
        code, message = error.get_error_code(), error.get_error_message() or str(error)
        if code in _AWAY or not _is_alive(libvirtd):
            self._drop(libvirtd, message)
            return EngineAway("libvirt", message)
        if code in _NEVER:
            return CannotHost(f"libvirt cannot define the guest: {message}")
        return EngineRefused("libvirt", message)

    def _drop(self, libvirtd: Any, because: str) -> None:
        """Forget a connection that is dead; one that only refused to wait stays."""
        with self._lock:
            if self._libvirtd is libvirtd and not _is_alive(libvirtd):
                self._libvirtd = None
                self.complaint = f"libvirt does not answer: {because}"

    def _on_close(self, libvirtd: Any, _reason: int, _opaque: object) -> None:
        with self._lock:
            if self._libvirtd is libvirtd:
                self._libvirtd = None
                self.complaint = "libvirt does not answer: it closed the connection"
        self._on_event(None)

    def _on_lifecycle(self, _conn: Any, domain: Any, event: int, detail: int, _opaque: object) -> None:
        guest_id = ServerId(domain.UUIDString())
        match event:
            case libvirt.VIR_DOMAIN_EVENT_STARTED:
                self.endings.saw_start(guest_id)
            case libvirt.VIR_DOMAIN_EVENT_SHUTDOWN:
                by_itself = detail != libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_HOST
                self.endings.heard_shutdown(guest_id, by_itself=by_itself)
        self._on_event(domain)

    def _on_device_removed(self, _conn: Any, domain: Any, _alias: str, _opaque: object) -> None:
        self._on_event(domain)


def _is_alive(libvirtd: Any) -> bool:
    try:
        return bool(libvirtd.isAlive())
    except libvirt.libvirtError:
        return False


def _run_of(state: int, reason: int) -> Run:
    match state:
        case libvirt.VIR_DOMAIN_SHUTOFF | libvirt.VIR_DOMAIN_NOSTATE:
            return Run.OFF
        case libvirt.VIR_DOMAIN_PAUSED:
            return Run.STUCK if reason == libvirt.VIR_DOMAIN_PAUSED_IOERROR else Run.PAUSED
        case _:  # Running, blocked, asleep, or on its way down: the guest has its processors.
            return Run.RUNNING


_event_loop = threading.Lock()
_event_loop_runs = False


def _start_event_loop() -> None:
    """One thread in this process delivers libvirt's events and keep-alives."""
    global _event_loop_runs  # noqa: PLW0603 - libvirt's event loop is one for each process.
    with _event_loop:
        if _event_loop_runs:
            return
        libvirt.registerErrorHandler(lambda _context, _error: None, None)  # Else it writes to stderr.
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=_run_event_loop, name="libvirt-events", daemon=True).start()
        _event_loop_runs = True


def _run_event_loop() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            log.exception("libvirt's events could not be delivered")
            threading.Event().wait(1.0)
