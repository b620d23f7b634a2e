#!/bin/bash
# install.sh machine|environment|tests - what must be on a machine before `nacre` itself can run there.
#
#   machine       as root: Debian packages, the virtual environment, and the guest image's build begun
#   environment   the virtual environment alone, without root
#   tests         the virtual environment with what the tests need; as root also the machine, a PostgreSQL, an LDAP
#                 server and, in a virtual environment of their own, the clients that its engines are tested with
#
# Installs only what is missing and asks nothing of anybody when nothing is. Runs in the project's directory.
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1
BEGAN=$(date +%s%N)
VENV=.venv
CLIENTS=.venv-clients
IMAGE_SCRIPT=src/nacre/host/images/build-tiny.sh
IMAGE_CACHE=${NACRE_CACHE:-/var/cache/nacre}

# Few and small: with them the virtual environment and the image are begun while the engines install.
FIRST="python3 python3-venv ca-certificates
  cpio dosfstools e2fsprogs fdisk kmod mtools qemu-utils syslinux syslinux-common"
ENGINES="ethtool iproute2 iputils-ping openssh-client procps
  qemu-system-x86 libvirt-daemon libvirt-clients python3-libvirt
  openvswitch-switch ovn-central ovn-host"
STORE="postgresql"
DIRECTORY="slapd ldap-utils"
# Units that Debian's packages enable and that would run beside our own engines.
UNITS="openvswitch-switch ovsdb-server ovs-vswitchd ovn-central ovn-northd ovn-ovsdb-server-nb ovn-ovsdb-server-sb
  ovn-host ovn-controller libvirtd libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket virtlogd virtlogd.socket"

say() {
  local ms=$((($(date +%s%N) - BEGAN) / 1000000))
  printf '%4d.%d s  %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*"
}

missing() { # the packages among the arguments that are not installed
  local have
  have=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | awk '$2 == "installed" {print $1}' || true)
  printf '%s\n' "$@" | grep -Fxv -f <(printf '%s\n' "$have") || true
}

install_packages() { # whatever is missing of the arguments
  local wanted
  wanted=$(missing "$@")
  [ -n "$wanted" ] || return 0
  [ "$(id -u)" = 0 ] || { echo "These packages are missing, and only root can install them: $wanted" >&2; return 1; }
  say "installing $(echo "$wanted" | wc -l) Debian packages and what they need"
  # Lists that are absent or name versions that are gone from the mirror are fetched anew, and no others.
  # shellcheck disable=SC2086
  if ! have_lists || ! without_services apt_install $wanted; then
    apt-get -qq update
    without_services apt_install $wanted || { tail -n 20 "$APT_LOG" >&2; return 1; }
  fi
  if [ -d /run/systemd/system ]; then # shellcheck disable=SC2086
    systemctl disable --now --quiet $UNITS 2>/dev/null || true
  fi
}

ensure_guest_account() { # libvirtd does not start without it; Debian makes it, under this id, with more than we need
  getent group libvirt-qemu >/dev/null || groupadd --system --gid 64055 libvirt-qemu
  getent passwd libvirt-qemu >/dev/null || useradd --system --uid 64055 --gid libvirt-qemu \
    --home-dir /var/lib/libvirt --no-create-home --shell /usr/sbin/nologin libvirt-qemu
}

apt_install() {
  apt-get -qq -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io -o Acquire::Retries=3 \
    install -y --no-install-recommends "$@" >"$APT_LOG" 2>&1
}

have_lists() { compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; }

without_services() { # run a command during which packages start no daemon
  local policy=/usr/sbin/policy-rc.d made='' status=0
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made=1
  fi
  "$@" || status=$?
  [ -z "$made" ] || rm -f $policy
  return $status
}

choose_python() { # the system's own, whose libvirt module matches the system's libvirt; else any new enough
  local python
  for python in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$python"
      return
    fi
  done
  echo "Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv)." >&2
  return 1
}

install_environment() { # install_environment REQUIREMENTS...; does nothing when all of it is there
  local stamp wanted python
  wanted=$(cat "$@" pyproject.toml | sha256sum)
  stamp=$VENV/.installed-$(basename "${*: -1}" .txt)
  if [ ! -x $VENV/bin/nacre ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    if [ ! -x $VENV/bin/python ]; then
      python=$(choose_python)
      "$python" -m venv $VENV
    fi
    local arguments=()
    for file in "$@"; do arguments+=(--requirement "$file"); done
    # Every package is pinned, so there is nothing to resolve.
    $VENV/bin/python -m pip install --quiet --no-deps "${arguments[@]}"
    $VENV/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
    printf '%s' "$wanted" >"$stamp"
    say "virtual environment is there"
  fi
  link_libvirt
}

install_clients() { # unmodified, so apart from us: their packages need not agree with ours
  local stamp=$CLIENTS/.installed wanted python
  wanted=$(sha256sum <requirements-clients.txt)
  [ "$(cat $stamp 2>/dev/null)" != "$wanted" ] || return 0
  if [ ! -x $CLIENTS/bin/python ]; then
    python=$(choose_python)
    "$python" -m venv $CLIENTS
  fi
  $CLIENTS/bin/python -m pip install --quiet --no-deps --requirement requirements-clients.txt
  printf '%s' "$wanted" >$stamp
  say "clients are there"
}

link_libvirt() { # Debian's libvirt module must match the machine's libvirt, so it is used and not copied
  local site
  site=$($VENV/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  for file in /usr/lib/python3/dist-packages/{libvirt,libvirt_qemu}.py /usr/lib/python3/dist-packages/libvirtmod{,_qemu}.*.so; do
    if [ -e "$file" ] && [ ! -e "$site/${file##*/}" ]; then ln -sf "$file" "$site/"; fi
  done
}

install_provider() { # an OpenID provider for the tests: its files alone, since its package would set up a service
  local place=$IMAGE_CACHE/glewlwyd work libraries
  [ ! -x "$place/usr/bin/glewlwyd" ] || return 0
  work=$(mktemp -d)
  if (cd "$work" && chmod 755 . && apt-get -qq download glewlwyd) >>"$APT_LOG" 2>&1; then
    libraries=$(dpkg-deb -f "$work"/glewlwyd_*.deb Depends | tr ',' '\n' | sed 's/^ *//; s/[ (|].*//' | grep '^lib')
    # shellcheck disable=SC2086
    install_packages $libraries
    mkdir -p "$place" && dpkg-deb -x "$work"/glewlwyd_*.deb "$place"
    say "OpenID provider is there"
  else
    say "there is no OpenID provider to be had: tests with one are skipped"
  fi
  rm -rf "$work"
}

install_directory() { # tests run a server of their own; one that was there before is somebody's, and is left alone
  [ -n "$(missing slapd)" ] || return 0
  # shellcheck disable=SC2086
  install_packages $DIRECTORY
  if [ -d /run/systemd/system ]; then systemctl disable --quiet slapd 2>/dev/null || true; fi
}

begin_image() { # in the background; `nacre up` waits for it
  mkdir -p "$IMAGE_CACHE"
  setsid --fork bash $IMAGE_SCRIPT "$IMAGE_CACHE" >"$IMAGE_CACHE/build.log" 2>&1 </dev/null
}

install_machine() { # install_machine REQUIREMENTS...
  # shellcheck disable=SC2086
  install_packages $FIRST
  begin_image
  install_environment "$@" &
  local environment=$!
  # shellcheck disable=SC2086
  install_packages $ENGINES
  ensure_guest_account
  wait $environment
  link_libvirt
}

APT_LOG=$(mktemp)
trap 'rm -f "$APT_LOG"' EXIT
case "${1:-}" in
machine)
  if [ "$(id -u)" != 0 ]; then
    echo "make up needs root; without it: make install && .venv/bin/nacre up --hosts fake:3" >&2
    exit 1
  fi
  install_machine requirements.txt
  ;;
environment) install_environment requirements.txt ;;
tests)
  if [ "$(id -u)" = 0 ]; then
    install_machine requirements.txt requirements-dev.txt
    install_packages $STORE
    install_directory
    install_provider
    install_clients
  else
    install_environment requirements.txt requirements-dev.txt
  fi
  ;;
*)
  sed -n '2,10p' "$0" >&2
  exit 2
  ;;
esac
