#!/bin/bash
# build-tiny.sh [DIRECTORY] - build the "tiny" guest image from Debian packages alone.
#
# Leaves in DIRECTORY (default ./tiny-image):
#   tiny.qcow2   a bootable disk (BIOS, UEFI and UEFI Secure Boot), compressed, under 40 MiB;
#                there only when it is complete
#   MANIFEST     its recipe and checksum, and the Debian package versions that went in
#   debs/        the packages, so that a second build downloads nothing
# A call while another one builds waits for it; a call when the disk of this recipe is there returns at once.
#
# What the guest does when it boots stands in tiny/init and tiny/root/etc/tiny/:
#   * grows its root partition and file system to the size of the disk it got
#   * DHCP on every NIC (options 26 MTU and 121 classless routes honoured), IPv6 by SLAAC
#   * reads the config drive (label config-2), else the metadata service at 169.254.169.254
#   * sets host name, ssh keys (root and user "tiny"), admin_pass, static addresses; runs user_data
#     that begins with "#!", once per instance id
#   * starts dropbear (ssh, keys only), an http responder on port 80, logins on ttyS0 and tty1
#     (root / tiny), acpid (power button = clean shutdown), the QEMU guest agent, and a listener for
#     hot-plugged NICs
#   * prints on the serial console:  TINY-BOOT-OK host=... uuid=... ip=... source=... uptime=...
#
# Needs Debian, apt-get download rights, cpio, gzip, kmod, fdisk, e2fsprogs, mtools, dosfstools, syslinux,
# qemu-utils; fakeroot when not run as root. No loop device, no mount, no chroot, no network but the mirror.
set -euo pipefail
export LC_ALL=C
PATH=$PATH:/sbin:/usr/sbin
HERE=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:-tiny-image}"
FINAL=$(cd "${1:-tiny-image}" && pwd)
DEBS=$FINAL/debs

BOOT_MIB=28
ROOT_MIB=44
# What the small RAM disk needs to find the root disk, whatever it hangs on.
BLOCK_MODULES="virtio_pci virtio_mmio virtio_blk virtio_scsi sd_mod sr_mod ahci ata_piix isofs vfat
  nls_cp437 nls_iso8859_1 nls_ascii nls_utf8 qemu_fw_cfg"
OTHER_MODULES="virtio_net virtio_console virtio_balloon virtio_rng button evdev 8021q loop xfs nbd
  iscsi_tcp dm_mod bonding virtiofs 9pnet_virtio 9p"
KERNEL_ARGUMENTS="quiet console=tty0 console=ttyS0,115200 panic=5 net.ifnames=0 random.trust_cpu=on mitigations=off"

main() {
  exec 9>"$FINAL/lock"
  flock 9
  RECIPE=$(find "$HERE/build-tiny.sh" "$HERE/tiny" -type f -print0 | sort -z | xargs -0 cat | sha256sum | cut -d' ' -f1)
  if [ -e "$FINAL/tiny.qcow2" ] && grep -qsx "recipe $RECIPE" "$FINAL/MANIFEST"; then return; fi
  rm -f "$FINAL/MANIFEST" # From here on, what is there is not known to be of any recipe.
  if [ "$(id -u)" != 0 ] && [ -z "${FAKEROOTKEY:-}" ]; then
    flock -u 9
    exec fakeroot -- "$0" "$FINAL"
  fi
  demand apt-get dpkg-deb cpio gzip depmod sfdisk mke2fs mkfs.vfat mcopy syslinux qemu-img
  WORK=$(mktemp -d "${TMPDIR:-/tmp}/tinybuild.XXXXXX")
  trap 'rm -rf "$WORK"' EXIT
  PACKED=$WORK/packages ROOT=$WORK/root
  fetch_packages
  unpack_packages
  make_root
  make_initrd
  make_boot_partition
  make_disk
  mv "$FINAL/tiny.qcow2.new" "$FINAL/tiny.qcow2"
  write_manifest
}

demand() {
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { echo "missing tool: $tool" >&2; exit 1; }
  done
}

fetch_packages() {
  local kernel missing=() package
  kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/ {print $2; exit}')
  PACKAGES=("$kernel" busybox-static dropbear-bin libtomcrypt1 libtommath1 zlib1g libcrypt1 libgmp10 libc6
    e2fsprogs libext2fs2 libcom-err2 libss2 libblkid1 libuuid1
    qemu-guest-agent libglib2.0-0 libpcre2-8-0 libudev1 liburing2 libnuma1
    shim-signed grub-efi-amd64-signed)
  mkdir -p "$DEBS"
  for package in "${PACKAGES[@]}"; do
    [ -n "$(deb_of "$package")" ] || missing+=("$package")
  done
  # apt would download as a user of its own, who may not write here.
  if [ ${#missing[@]} != 0 ]; then
    (cd "$DEBS" && apt-get -q download -o APT::Sandbox::User=root "${missing[@]}" >&2)
  fi
}

deb_of() { # the newest downloaded file of a package, if any
  find "$DEBS" -name "$1_*.deb" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-
}

unpack_packages() {
  local package
  for package in "${PACKAGES[@]:1}"; do dpkg-deb -x "$(deb_of "$package")" "$PACKED"; done &
  dpkg-deb -x "$(deb_of "${PACKAGES[0]}")" "$PACKED"
  wait $!
  KERNEL_VERSION=$(ls "$PACKED/lib/modules")
  KERNEL=$PACKED/boot/vmlinuz-$KERNEL_VERSION
  depmod -b "$PACKED" "$KERNEL_VERSION"
}

make_root() {
  mkdir -p "$ROOT"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,run,tmp,root,home/tiny,mnt,lib64} \
    "$ROOT"/{etc/dropbear,var/log,var/lib/tiny,lib/x86_64-linux-gnu}
  cp -r "$HERE/tiny/root/." "$ROOT"
  ln -s ../run "$ROOT/var/run"
  ln -s cgi-bin/index.cgi "$ROOT/www/index.cgi"
  install_programs
  install_libraries
  # shellcheck disable=SC2086
  install_modules "$ROOT" $BLOCK_MODULES $OTHER_MODULES
  local hash
  hash=$("$ROOT/bin/busybox" mkpasswd -m sha512 tiny)
  printf '%s:19000:0:99999:7:::\n' "root:$hash" "tiny:$hash" 'nobody:*' >"$ROOT/etc/shadow"
  chmod 600 "$ROOT/etc/shadow"
  chmod 1777 "$ROOT/tmp"
  chmod 700 "$ROOT/root"
  chmod 755 "$ROOT"/etc/tiny/* "$ROOT"/etc/acpi/PWRF/* "$ROOT"/www/cgi-bin/* "$ROOT"/usr/bin/* "$ROOT"/usr/sbin/*
}

install_programs() {
  local applet
  cp "$PACKED/bin/busybox" "$ROOT/bin/busybox"
  for applet in $("$ROOT/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s /bin/busybox "$ROOT/bin/$applet"
  done
  for applet in init modprobe poweroff reboot ip; do ln -s /bin/busybox "$ROOT/sbin/$applet"; done # modprobe: for the kernel
  cp "$PACKED"/usr/sbin/{dropbear,qemu-ga} "$PACKED"/usr/bin/{dropbearkey,dbclient} \
    "$PACKED"/sbin/{resize2fs,mke2fs,e2fsck} "$ROOT/usr/sbin/"
  ln -s mke2fs "$ROOT/usr/sbin/mkfs.ext4"
  ln -s dbclient "$ROOT/usr/sbin/ssh"
}

install_libraries() { # those that the programs name, found by the loader that goes in with them
  local loader=$ROOT/lib64/ld-linux-x86-64.so.2 library program
  local places=$PACKED/lib/x86_64-linux-gnu:$PACKED/usr/lib/x86_64-linux-gnu
  cp "$PACKED/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$loader"
  for program in dropbear dropbearkey dbclient qemu-ga resize2fs mke2fs e2fsck; do
    "$loader" --library-path "$places" --list "$ROOT/usr/sbin/$program"
  done | awk '/not found/ {print "missing library: " $1 > "/dev/stderr"; exit 1} $2 == "=>" {print $3}' | sort -u |
    while read -r library; do cp -L "$library" "$ROOT/lib/x86_64-linux-gnu/"; done
}

install_modules() { # install_modules ROOT MODULE..., with those they depend on; built-in ones are left out
  local to=$1 module file
  shift
  for module in "$@"; do
    modprobe -d "$PACKED" -S "$KERNEL_VERSION" --show-depends "$module" 2>/dev/null | awk '$1 == "insmod" {print $2}' || true
  done | sort -u | while read -r file; do
    file=${file#"$PACKED"}
    mkdir -p "$to$(dirname "$file")"
    cp "$PACKED$file" "$to$file"
  done
  cp "$PACKED/lib/modules/$KERNEL_VERSION"/modules.{builtin,builtin.modinfo,order} "$to/lib/modules/$KERNEL_VERSION/"
  depmod -b "$to" "$KERNEL_VERSION"
  # busybox reads the text forms alone.
  (cd "$to/lib/modules/$KERNEL_VERSION" && rm -f modules.*.bin modules.{builtin.modinfo,symbols,devname,softdep,order})
}

make_initrd() {
  local disk=$WORK/initrd-root
  mkdir -p "$disk/bin"
  cp "$ROOT/bin/busybox" "$disk/bin/"
  ln -s busybox "$disk/bin/sh"
  install -m 755 "$HERE/tiny/init" "$disk/init"
  # shellcheck disable=SC2086
  install_modules "$disk" $BLOCK_MODULES
  (cd "$disk" && find . | sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n) >"$WORK/initrd"
}

make_boot_partition() { # FAT, for BIOS (syslinux) and UEFI (shim, which loads grub, both signed)
  local fat=$WORK/fat
  truncate -s ${BOOT_MIB}M "$fat"
  mkfs.vfat -F 16 -n TINYBOOT "$fat" >/dev/null
  syslinux --install "$fat"
  printf 'DEFAULT tiny\nPROMPT 0\nTIMEOUT 0\nLABEL tiny\n KERNEL /vmlinuz\n INITRD /initrd\n APPEND %s\n' \
    "$KERNEL_ARGUMENTS" >"$WORK/syslinux.cfg"
  printf 'set timeout=0\nlinux /vmlinuz %s\ninitrd /initrd\nboot\n' "$KERNEL_ARGUMENTS" >"$WORK/grub.cfg"
  export MTOOLS_SKIP_CHECK=1
  mmd -i "$fat" ::/EFI ::/EFI/BOOT ::/EFI/debian
  mcopy -i "$fat" "$KERNEL" ::/vmlinuz
  mcopy -i "$fat" "$WORK/initrd" "$WORK/syslinux.cfg" ::/
  mcopy -i "$fat" "$PACKED/usr/lib/shim/shimx64.efi.signed" ::/EFI/BOOT/BOOTX64.EFI
  mcopy -i "$fat" "$PACKED/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" ::/EFI/BOOT/grubx64.efi
  mcopy -i "$fat" "$WORK/grub.cfg" ::/EFI/debian/grub.cfg
}

make_disk() { # an MBR disk of the boot partition and the root file system
  local disk=$WORK/disk.raw boot_sectors=$((BOOT_MIB * 2048)) root_sectors=$((ROOT_MIB * 2048))
  truncate -s $((1 + BOOT_MIB + ROOT_MIB + 1))M "$disk"
  printf 'label: dos\nstart=2048, size=%d, type=ef, bootable\nstart=%d, size=%d, type=83\n' \
    $boot_sectors $((2048 + boot_sectors)) $root_sectors | sfdisk -q "$disk"
  dd if=/usr/lib/SYSLINUX/mbr.bin of="$disk" bs=440 count=1 conv=notrunc status=none
  mke2fs -q -t ext4 -L tinyroot -m 0 -O ^metadata_csum_seed \
    -E root_owner=0:0,lazy_itable_init=0,nodiscard -d "$ROOT" "$WORK/ext4" ${ROOT_MIB}M
  dd if="$WORK/fat" of="$disk" bs=1M seek=1 conv=notrunc,sparse status=none
  dd if="$WORK/ext4" of="$disk" bs=1M seek=$((1 + BOOT_MIB)) conv=notrunc,sparse status=none
  qemu-img convert -q -c -f raw -O qcow2 "$disk" "$FINAL/tiny.qcow2.new"
}

write_manifest() {
  {
    echo "recipe $RECIPE"
    echo "sha256 $(sha256sum <"$FINAL/tiny.qcow2" | cut -d' ' -f1)"
    for package in "${PACKAGES[@]}"; do basename "$(deb_of "$package")"; done
  } >"$FINAL/MANIFEST.new"
  mv "$FINAL/MANIFEST.new" "$FINAL/MANIFEST"
}

main
