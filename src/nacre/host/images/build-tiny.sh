#!/bin/bash
# build-tiny.sh - build the "tiny" guest image from Debian packages alone.
#
#   build-tiny.sh [DIRECTORY]
#
# Result in DIRECTORY (default ./tiny-image), complete or not there at all:
#   tiny.qcow2     a bootable disk (BIOS, UEFI and UEFI Secure Boot), compressed qcow2, < 40 MiB
#   tiny-vmlinuz   the kernel alone                    } for direct kernel boot, microvm,
#   tiny-initrd    the whole system as one RAM disk    } PXE/iPXE (bare metal), no disk needed
#   MANIFEST       sizes, checksums and the Debian package versions that went in
#   debs/          the packages, kept so that a second build downloads nothing
# A second call waits for the first, and returns at once when everything is there.
#
# What the guest does when it boots (see ROOT/etc/tiny/* below):
#   * grows its root partition and file system to the size of the disk it got
#   * DHCP on every NIC (options 26 MTU and 121 classless routes honoured), IPv6 by SLAAC
#   * reads the config drive (label config-2, iso9660 or vfat), else the metadata service
#     http://169.254.169.254/openstack/latest/  (meta_data.json, network_data.json, user_data)
#   * sets hostname, ssh keys (root and user "tiny"), admin_pass, static addresses from
#     network_data.json, runs user_data when it begins with "#!" (first boot of an instance id)
#   * starts dropbear (ssh, keys only), an http responder on port 80 that answers with its
#     host name, login on ttyS0 and tty1 (root / tiny), acpid (power button = clean shutdown),
#     the QEMU guest agent when a virtio-serial port is there, a hot-plug listener for NICs
#   * prints on the serial console:  TINY-BOOT-OK host=... uuid=... ip=... source=... uptime=...
#
# Needs Debian 12, apt-get download rights, dpkg-deb, cpio, gzip, kmod, fdisk, e2fsprogs, mtools,
# dosfstools, syslinux, qemu-utils, flock; fakeroot when not run as root.
# No loop devices, no mounts, no chroot, no network but the Debian mirror.
set -euo pipefail
export LC_ALL=C
PATH=$PATH:/sbin:/usr/sbin
FINAL=$(mkdir -p "${1:-tiny-image}" && cd "${1:-tiny-image}" && pwd)
exec 9>"$FINAL/lock"; flock 9
if [ -e "$FINAL/tiny.qcow2" ]; then exit 0; fi
if [ "$(id -u)" != 0 ] && [ -z "${FAKEROOTKEY:-}" ]; then flock -u 9; exec fakeroot -- "$0" "$FINAL"; fi
CACHE=$FINAL/debs; mkdir -p "$CACHE"
W=$(mktemp -d "${TMPDIR:-/tmp}/tinybuild.XXXXXX"); trap 'rm -rf "$W"' EXIT
OUT=$W/out; mkdir "$OUT"
for t in apt-get dpkg-deb cpio gzip depmod sfdisk mke2fs mkfs.vfat mcopy syslinux qemu-img; do
  command -v $t >/dev/null || { echo "missing tool: $t" >&2; exit 1; }
done

# ---------------------------------------------------------------- packages -> $W/pkg
KPKG=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/{print $2; exit}')
PKGS="$KPKG busybox-static dropbear-bin libtomcrypt1 libtommath1 zlib1g libcrypt1 libgmp10 libc6
  e2fsprogs libext2fs2 libcom-err2 libss2 libblkid1 libuuid1
  qemu-guest-agent libglib2.0-0 libpcre2-8-0 libudev1 liburing2 libnuma1
  shim-signed grub-efi-amd64-signed"
MISSING=
for p in $PKGS; do ls "$CACHE"/"${p}"_*.deb >/dev/null 2>&1 || MISSING="$MISSING $p"; done
# apt downloads as its own user, which cannot write here; it says so at length and goes on as root.
# shellcheck disable=SC2086
if [ -n "$MISSING" ]; then (cd "$CACHE" && apt-get -q download -o APT::Sandbox::User=root $MISSING >&2); fi
for p in $PKGS; do dpkg-deb -x "$(ls -t "$CACHE"/"${p}"_*.deb | head -1)" "$W/pkg"; done
KVER=$(ls "$W/pkg/lib/modules")
KERNEL=$W/pkg/boot/vmlinuz-$KVER

# ---------------------------------------------------------------- kernel modules
# block + bus modules go into the small initrd; everything goes into the root file system.
BLKMODS="virtio_pci virtio_mmio virtio_blk virtio_scsi sd_mod sr_mod ahci ata_piix isofs vfat nls_cp437 nls_iso8859_1 nls_ascii nls_utf8 qemu_fw_cfg"
MOREMODS="virtio_net virtio_console virtio_balloon virtio_rng button evdev 8021q loop xfs nbd iscsi_tcp dm_mod bonding virtiofs 9pnet_virtio 9p"
copy_mods() { # copy_mods DESTROOT mod...   (with dependencies)
  local dest=$1; shift; local m f
  for m in "$@"; do
    modprobe -d "$W/pkg" -S "$KVER" --show-depends "$m" 2>/dev/null | awk '$1=="insmod"{print $2}' || true
  done | sort -u | while read -r f; do
    f=${f#"$W/pkg"}; mkdir -p "$dest$(dirname "$f")"; cp "$W/pkg$f" "$dest$f"
  done
  cp "$W/pkg/lib/modules/$KVER"/modules.{builtin,order} "$dest/lib/modules/$KVER/"
  [ -e "$W/pkg/lib/modules/$KVER/modules.builtin.modinfo" ] && cp "$W/pkg/lib/modules/$KVER/modules.builtin.modinfo" "$dest/lib/modules/$KVER/"
  depmod -b "$dest" "$KVER"
  rm -f "$dest/lib/modules/$KVER"/modules.{alias.bin,builtin.bin,builtin.alias.bin,builtin.modinfo,dep.bin,symbols,symbols.bin,devname,softdep,order}
}
depmod -b "$W/pkg" "$KVER"

# ---------------------------------------------------------------- root file system tree
R=$W/root
mkdir -p "$R"/{bin,sbin,usr/bin,usr/sbin,etc/tiny,etc/acpi/PWRF,etc/dropbear,dev,proc,sys,run,tmp,root,home/tiny,mnt,var/log,var/lib/tiny,www/cgi-bin,lib/x86_64-linux-gnu,lib64}
ln -s ../run "$R/var/run"; chmod 1777 "$R/tmp"; chmod 700 "$R/root"
cp "$W/pkg/bin/busybox" "$R/bin/busybox"
for a in $("$R/bin/busybox" --list); do [ "$a" = busybox ] || ln -s /bin/busybox "$R/bin/$a"; done
for a in init modprobe poweroff reboot; do ln -s /bin/busybox "$R/sbin/$a"; done   # the kernel calls /sbin/modprobe by itself
cp "$W/pkg/usr/sbin/dropbear" "$W/pkg/usr/bin/dropbearkey" "$W/pkg/usr/bin/dbclient" "$R/usr/sbin/"
cp "$W/pkg/sbin/resize2fs" "$W/pkg/sbin/mke2fs" "$W/pkg/sbin/e2fsck" "$R/usr/sbin/"; ln -s mke2fs "$R/usr/sbin/mkfs.ext4"
ln -s dbclient "$R/usr/sbin/ssh"
cp "$W/pkg/usr/sbin/qemu-ga" "$R/usr/sbin/"
LIBS="$W/pkg/lib/x86_64-linux-gnu:$W/pkg/usr/lib/x86_64-linux-gnu"
cp "$W/pkg/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$R/lib64/ld-linux-x86-64.so.2"
for b in "$R"/usr/sbin/*; do [ -L "$b" ] || "$R/lib64/ld-linux-x86-64.so.2" --library-path "$LIBS" --list "$b"; done |
  awk '/not found/{print "MISSING " $1 > "/dev/stderr"} $2=="=>"{print $3}' | sort -u | while read -r l; do cp -L "$l" "$R/lib/x86_64-linux-gnu/"; done
for l in libnss_files.so.2 libnss_dns.so.2; do cp -L "$W/pkg/lib/x86_64-linux-gnu/$l" "$R/lib/x86_64-linux-gnu/" 2>/dev/null || true; done
copy_mods "$R" $BLKMODS $MOREMODS

cat > "$R/etc/passwd" <<'E'
root:x:0:0:root:/root:/bin/sh
tiny:x:1000:1000:tiny:/home/tiny:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
E
H=$("$R/bin/busybox" mkpasswd -m sha512 -S tinytinytiny tiny 2>/dev/null || "$R/bin/busybox" mkpasswd -m sha512 tiny)
printf 'root:%s:19000:0:99999:7:::\ntiny:%s:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n' "$H" "$H" > "$R/etc/shadow"; chmod 600 "$R/etc/shadow"
printf 'root:x:0:\ntty:x:5:\ntiny:x:1000:\nnogroup:x:65534:\n' > "$R/etc/group"
printf '/bin/sh\n/bin/ash\n' > "$R/etc/shells"
printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n' > "$R/etc/nsswitch.conf"
echo tiny > "$R/etc/hostname"; printf '127.0.0.1 localhost\n::1 localhost\n' > "$R/etc/hosts"
echo "Tiny guest image (\\l), login root / tiny" > "$R/etc/issue"
echo 'export PATH=/bin:/sbin:/usr/bin:/usr/sbin PS1="\h:\w# "' > "$R/etc/profile"
cat > "$R/etc/inittab" <<'E'
::sysinit:/etc/tiny/sysinit
# "once" actions start together with the logins
::once:/etc/tiny/online
ttyS0::respawn:/bin/getty -L 115200 ttyS0 vt100
tty1::respawn:/bin/getty 38400 tty1 linux
::ctrlaltdel:/bin/reboot
::shutdown:/etc/tiny/shutdown
E
cat > "$R/etc/acpi/PWRF/00000080" <<'E'
#!/bin/sh
echo "TINY-POWER-BUTTON" > /dev/console
exec /bin/poweroff
E
cat > "$R/etc/tiny/shutdown" <<'E'
#!/bin/sh
echo "TINY-SHUTDOWN" > /dev/console
sync; umount -a -r 2>/dev/null
E
cat > "$R/etc/tiny/sysinit" <<'E'
#!/bin/sh
# mounts, modules, host name; everything that needs the network is in "online"
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
on() { grep -q " $1 " /proc/mounts 2>/dev/null; }
on /proc || mount -t proc proc /proc
on /sys  || mount -t sysfs sys /sys
on /dev  || mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /dev/shm
dmesg -n 3
mount -o remount,rw / 2>/dev/null
chown 0:0 / /root /home 2>/dev/null; chown -R 1000:1000 /home/tiny
for m in virtio_pci virtio_net virtio_console virtio_balloon virtio_rng button evdev; do modprobe $m 2>/dev/null; done
hostname -F /etc/hostname
ip link set lo up
syslogd -C64 2>/dev/null; klogd -c 3 2>/dev/null
E
cat > "$R/etc/tiny/json" <<'E'
#!/bin/sh
# json FILE -> one "path<TAB>value" line per leaf (path like .keys.0.name)
exec awk 'BEGIN{RS="\001"} {s=$0; n=length(s); p=1; v("")}
function ws(){while(p<=n && index(" \t\r\n",substr(s,p,1)))p++}
function str(  r,c,q){p++;r="";for(;;){q=match(substr(s,p),/[\\"]/);if(!q)return r;r=r substr(s,p,q-1);p+=q-1;c=substr(s,p,1);if(c=="\""){p++;return r}
 c=substr(s,p+1,1);p+=2;if(c=="n")c="\\n";else if(c=="t")c="\t";else if(c=="r")c="";else if(c=="u"){c="?";p+=4};r=r c}}
function v(path,  k,i,c){ws();c=substr(s,p,1)
 if(c=="{"){p++;ws();if(substr(s,p,1)=="}"){p++;return};for(;;){ws();k=str();ws();p++;v(path "." k);ws();c=substr(s,p,1);p++;if(c!=",")return}}
 if(c=="["){p++;i=0;ws();if(substr(s,p,1)=="]"){p++;return};for(;;){v(path "." i);i++;ws();c=substr(s,p,1);p++;if(c!=",")return}}
 if(c=="\""){k=str();print path "\t" k;return}
 k="";while(p<=n&&index(",}] \t\r\n",c=substr(s,p,1))==0){k=k c;p++};print path "\t" k}' "$1"
E
cat > "$R/etc/tiny/udhcpc" <<'E'
#!/bin/sh
# udhcpc event script: address, MTU (26), router (3), classless routes (121), DNS
case $1 in
 deconfig) ip link set "$interface" up;;
 bound|renew)
  [ -n "$mtu" ] && ip link set "$interface" mtu "$mtu"
  ip addr flush dev "$interface" scope global 2>/dev/null
  ip addr add "$ip/${mask:-24}" dev "$interface"
  if [ -n "$staticroutes" ]; then
    set -- $staticroutes
    while [ $# -ge 2 ]; do
      if [ "$2" = 0.0.0.0 ]; then ip route add "$1" dev "$interface" 2>/dev/null
      else ip route add "$1" via "$2" dev "$interface" 2>/dev/null || { ip route add "$2" dev "$interface"; ip route add "$1" via "$2" dev "$interface"; } 2>/dev/null; fi
      shift 2
    done
  else for r in $router; do ip route add default via "$r" dev "$interface" metric "$(cat /sys/class/net/$interface/ifindex)" 2>/dev/null; done; fi
  for d in $dns; do grep -qs "nameserver $d" /etc/resolv.conf || echo "nameserver $d" >> /etc/resolv.conf; done
  [ -n "$domain" ] && { grep -qs "^search" /etc/resolv.conf || echo "search $domain" >> /etc/resolv.conf; }
  echo "TINY-DHCP $interface $ip/${mask} router=$router mtu=$mtu" > /dev/console;;
esac
E
cat > "$R/etc/tiny/nic-up" <<'E'
#!/bin/sh
# nic-up NAME: bring a NIC up and ask DHCP in the background (does nothing when it already has a client)
[ -e "/run/udhcpc.$1.pid" ] && kill -0 "$(cat /run/udhcpc.$1.pid)" 2>/dev/null && exit 0
ip link set "$1" up
udhcpc -i "$1" -p "/run/udhcpc.$1.pid" -s /etc/tiny/udhcpc -O staticroutes -O mtu -t 4 -T 1 -A 5 -b -S >/dev/null 2>&1
E
cat > "$R/etc/tiny/hotplug" <<'E'
#!/bin/sh
# called by "uevent" for each kernel event; only new NICs and disks matter here
[ "$ACTION" = add ] || { [ "$ACTION" = remove ] && [ "$SUBSYSTEM" = block ] && echo "TINY-UNPLUG disk ${DEVPATH##*/}" > /dev/console; exit 0; }
case $SUBSYSTEM in
 net) case ${DEVPATH##*/} in eth*|en*) echo "TINY-HOTPLUG nic ${DEVPATH##*/}" > /dev/console; /etc/tiny/nic-up "${DEVPATH##*/}";; esac;;
 block) [ "$DEVTYPE" = disk ] && echo "TINY-HOTPLUG disk ${DEVPATH##*/} sectors=$(cat /sys/block/${DEVPATH##*/}/size)" > /dev/console;;
 cpu|memory) f=/sys$DEVPATH/online; [ -e $f ] && [ "$(cat $f)" = 0 ] && echo 1 > $f; echo "TINY-HOTPLUG $SUBSYSTEM ${DEVPATH##*/}" > /dev/console;;
esac
E
cat > "$R/etc/tiny/online" <<'E'
#!/bin/sh
# network, metadata, services; ends with the TINY-BOOT-OK line on the console
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
say() { echo "$*" > /dev/console; }
mkdir -p /run/md; MD=/run/md; SRC=none
uevent /etc/tiny/hotplug >/dev/null 2>&1 &
acpid -d >/dev/null 2>&1 &
for p in /sys/class/virtio-ports/*; do
  [ "$(cat $p/name 2>/dev/null)" = org.qemu.guest_agent.0 ] && qemu-ga -m virtio-serial -p /dev/${p##*/} -t /run -d >/dev/null 2>&1
done
# 1. config drive
CD=$(findfs LABEL=config-2 2>/dev/null || findfs LABEL=CONFIG-2 2>/dev/null)
if [ -n "$CD" ]; then
  modprobe isofs 2>/dev/null; modprobe vfat 2>/dev/null; mkdir -p /mnt/config
  if mount -o ro "$CD" /mnt/config 2>/dev/null; then
    for f in meta_data.json network_data.json user_data vendor_data.json; do cp /mnt/config/openstack/latest/$f $MD/ 2>/dev/null; done
    umount /mnt/config; [ -s $MD/meta_data.json ] && SRC=configdrive
  fi
fi
# 2. NICs. Static addresses when the config drive gives them, else DHCP on each
if [ -s $MD/network_data.json ] && grep -q '"ipv4"' $MD/network_data.json; then
  /etc/tiny/json $MD/network_data.json > /run/net.flat
  g() { awk -F'\t' -v k="$1" '$1==k{print $2; exit}' /run/net.flat; }
  i=0; while t=$(g .networks.$i.type); [ -n "$t" ]; do
    l=$(g .networks.$i.link); j=0; mac=
    while x=$(g .links.$j.id); [ -n "$x" ]; do [ "$x" = "$l" ] && { mac=$(g .links.$j.ethernet_mac_address); mtu=$(g .links.$j.mtu); }; j=$((j+1)); done
    for d in /sys/class/net/*; do [ "$(cat $d/address)" = "$mac" ] && {
      n=${d##*/}; ip link set $n up; [ -n "$mtu" ] && [ "$mtu" != null ] && ip link set $n mtu $mtu
      case $t in ipv4|ipv6)
        a=$(g .networks.$i.ip_address); m=$(g .networks.$i.netmask)
        case $a in */*) ;; *) case $m in *.*) a=$a/$(ipcalc -p 0.0.0.0 $m | cut -d= -f2);; *:*) a=$a/64;; ?*) a=$a/$m;; esac;; esac
        ip addr add $a dev $n
        k=0; while r=$(g .networks.$i.routes.$k.network); [ -n "$r" ]; do rm=$(g .networks.$i.routes.$k.netmask); gw=$(g .networks.$i.routes.$k.gateway)
          case $rm in 0.0.0.0|::) r=default;; *.*) r=$r/$(ipcalc -p 0.0.0.0 $rm | cut -d= -f2);; esac
          ip route add $r via $gw dev $n; k=$((k+1)); done;;
       *) /etc/tiny/nic-up $n;; esac; }; done
    i=$((i+1))
  done
  k=0; while s=$(g .services.$k.address); [ -n "$s" ]; do echo "nameserver $s" >> /etc/resolv.conf; k=$((k+1)); done
else
  : > /etc/resolv.conf
  for d in /sys/class/net/eth* /sys/class/net/en*; do [ -e "$d" ] && /etc/tiny/nic-up ${d##*/} & done; wait_n=0
  while [ $wait_n -lt 40 ]; do ip -4 addr show scope global | grep -q inet && break; ls /sys/class/net | grep -qE '^(eth|en)' || break; sleep 0.1; wait_n=$((wait_n+1)); done
fi
# 3. metadata service (only when no config drive). Note: "wget -T" crashes in Debian's busybox-static
if [ $SRC = none ] && ls /sys/class/net | grep -qE '^(eth|en)'; then
  ip route get 169.254.169.254 >/dev/null 2>&1 || ip route add 169.254.169.254 dev eth0 2>/dev/null
  for try in 1 2 3 4 5; do
    if timeout 5 wget -q -O $MD/meta_data.json http://169.254.169.254/openstack/latest/meta_data.json 2>/dev/null && [ -s $MD/meta_data.json ]; then
      SRC=metadata; timeout 5 wget -q -O $MD/user_data http://169.254.169.254/openstack/latest/user_data 2>/dev/null || rm -f $MD/user_data; break
    fi
    ip -4 addr show scope global | grep -q inet || break
    sleep 1
  done
fi
# 4. apply
UUID=none; HN=$(hostname)
if [ -s $MD/meta_data.json ]; then
  /etc/tiny/json $MD/meta_data.json > /run/md.flat
  g() { awk -F'\t' -v k="$1" '$1==k{print $2; exit}' /run/md.flat; }
  UUID=$(g .uuid); n=$(g .hostname); [ -n "$n" ] && { HN=${n%%.*}; hostname "$HN"; echo "$HN" > /etc/hostname; echo "127.0.1.1 $n $HN" >> /etc/hosts; }
  mkdir -p /root/.ssh /home/tiny/.ssh
  awk -F'\t' '$1 ~ /^\.public_keys\./{gsub(/\\n/,"",$2); print $2}' /run/md.flat > /root/.ssh/authorized_keys
  cp /root/.ssh/authorized_keys /home/tiny/.ssh/; chown -R 1000:1000 /home/tiny; chmod 700 /root/.ssh /home/tiny/.ssh; chmod 600 /root/.ssh/* /home/tiny/.ssh/*
  pw=$(g .admin_pass)
  OLD=$(cat /var/lib/tiny/instance-id 2>/dev/null)
  if [ "$OLD" != "$UUID" ]; then
    FIRST=1; echo "$UUID" > /var/lib/tiny/instance-id; rm -f /etc/dropbear/*host_key
    [ -n "$pw" ] && { h=$(mkpasswd -m sha512 "$pw"); sed -i "s|^root:[^:]*:|root:$h:|; s|^tiny:[^:]*:|tiny:$h:|" /etc/shadow; }
  fi
fi
[ -s /etc/dropbear/dropbear_ed25519_host_key ] || dropbearkey -t ed25519 -f /etc/dropbear/dropbear_ed25519_host_key 2>/dev/null | grep -i fingerprint > /dev/console
dropbear -s -r /etc/dropbear/dropbear_ed25519_host_key -P /run/dropbear.pid
httpd -p 80 -h /www; httpd -p '[::]:80' -h /www 2>/dev/null
IP=$(ip -4 -o addr show scope global | awk '{print $4}' | tr '\n' ',' ); IP6=$(ip -6 -o addr show scope global | awk '{print $4}' | tr '\n' ',')
say "TINY-BOOT-OK host=$HN uuid=$UUID ip=${IP%,} ip6=${IP6%,} source=$SRC rootsize=$(df -m / | awk 'NR==2{print $2}')M first=${FIRST:-0} uptime=$(cut -d' ' -f1 /proc/uptime)"
if [ "${FIRST:-0}" = 1 ] && [ "$(head -c2 $MD/user_data 2>/dev/null)" = '#!' ]; then
  chmod +x $MD/user_data; $MD/user_data > /var/log/user-data.log 2>&1; say "TINY-USERDATA rc=$?"
fi
E
cat > "$R/usr/sbin/chpasswd" <<'E'
#!/bin/sh
# what the guest agent calls for guest-set-user-password: "user:password" lines, -e = already hashed
while IFS=: read -r u p; do
  case "$1" in -e*) h=$p;; *) h=$(mkpasswd -m sha512 "$p");; esac
  sed -i "s|^$u:[^:]*:|$u:$h:|" /etc/shadow
done
E
chmod 755 "$R/usr/sbin/chpasswd"
cat > "$R/www/cgi-bin/info" <<'E'
#!/bin/sh
printf 'Content-type: text/plain\r\n\r\n'
echo "host=$(hostname) uuid=$(cat /var/lib/tiny/instance-id 2>/dev/null) client=$REMOTE_ADDR uptime=$(cut -d' ' -f1 /proc/uptime)"
E
cat > "$R/www/cgi-bin/index.cgi" <<'E'
#!/bin/sh
printf 'Content-type: text/plain\r\n\r\n%s\n' "$(hostname)"
E
ln -s cgi-bin/index.cgi "$R/www/index.cgi"
chmod 755 "$R"/etc/tiny/* "$R"/etc/acpi/PWRF/* "$R"/www/cgi-bin/*

# one /init for both RAM disks: find the root disk, grow it, switch to it; else stay in RAM
cat > "$W/init" <<'E'
#!/bin/busybox sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
/bin/busybox mkdir -p /proc /sys /dev /newroot
/bin/busybox mount -t devtmpfs dev /dev; /bin/busybox mount -t proc proc /proc; /bin/busybox mount -t sysfs sys /sys
exec </dev/console >/dev/console 2>&1
[ -x /bin/modprobe ] || /bin/busybox --install -s /bin
dmesg -n 3
for m in virtio_pci virtio_mmio virtio_blk virtio_scsi sd_mod sr_mod ahci ata_piix; do modprobe $m 2>/dev/null; done
ram=0; grep -q tiny.ram /proc/cmdline && ram=1
ROOT=; i=0
while [ $ram = 0 ] && [ $i -lt 30 ]; do
  ROOT=$(findfs LABEL=tinyroot 2>/dev/null) && break
  [ -e /etc/inittab ] && [ $i -ge 5 ] && break      # the full RAM disk does not wait long
  sleep 0.1; i=$((i+1))
done
if [ -n "$ROOT" ]; then
  # grow partition 2 of an MBR disk to the end: its sector count is the 4 bytes at 446+16+12
  D=/dev/$(basename $(readlink -f /sys/class/block/${ROOT#/dev/}/..)); tot=$(cat /sys/block/${D#/dev/}/size)
  start=$(cat /sys/class/block/${ROOT#/dev/}/start); cur=$(cat /sys/class/block/${ROOT#/dev/}/size); new=$((tot-start))
  if [ $new -gt $((cur+2048)) ]; then
    printf "\\x$(printf %02x $((new&255)))\\x$(printf %02x $((new>>8&255)))\\x$(printf %02x $((new>>16&255)))\\x$(printf %02x $((new>>24&255)))" | dd of=$D bs=1 seek=474 conv=notrunc 2>/dev/null
    blockdev --rereadpt $D; grow=1
  fi
  mount -t ext4 -o rw,noatime "$ROOT" /newroot || { echo "TINY-PANIC cannot mount $ROOT"; exec sh; }
  [ "$grow" = 1 ] && { mount --bind /dev /newroot/dev; mount -t proc proc /newroot/proc; chroot /newroot /usr/sbin/resize2fs "$ROOT" >/dev/null 2>&1; umount /newroot/proc /newroot/dev; }
  umount /proc /sys; mount --move /dev /newroot/dev
  exec switch_root /newroot /sbin/init
elif [ -e /etc/inittab ]; then exec /sbin/init
else echo "TINY-PANIC no root disk"; exec sh; fi
E
chmod 755 "$W/init"

# ---------------------------------------------------------------- RAM disks
mkdir -p "$W/ird/bin"; cp "$R/bin/busybox" "$W/ird/bin/"; ln -s busybox "$W/ird/bin/sh"; cp "$W/init" "$W/ird/init"; copy_mods "$W/ird" $BLKMODS
(cd "$W/ird" && find . | sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n) > "$W/initrd-small"
cp "$W/init" "$R/init"
(cd "$R" && find . | sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n) > "$OUT/tiny-initrd"
rm "$R/init"; cp "$KERNEL" "$OUT/tiny-vmlinuz"; chmod 644 "$OUT/tiny-vmlinuz"

# ---------------------------------------------------------------- disk: MBR + FAT boot + ext4 root
# p1 serves BIOS (syslinux, active flag) and UEFI (type EF, \EFI\BOOT); p2 is the root
B_MB=28; R_MB=44; D="$W/disk.raw"
truncate -s $((1+B_MB+R_MB+1))M "$D"
printf 'label: dos\nstart=2048, size=%d, type=ef, bootable\nstart=%d, size=%d, type=83\n' $((B_MB*2048)) $((2048+B_MB*2048)) $((R_MB*2048)) | sfdisk -q "$D"
dd if=/usr/lib/SYSLINUX/mbr.bin of="$D" bs=440 count=1 conv=notrunc status=none
truncate -s ${B_MB}M "$W/fat"; mkfs.vfat -F 16 -n TINYBOOT "$W/fat" >/dev/null
syslinux --install "$W/fat"
CMD="quiet console=tty0 console=ttyS0,115200 panic=5 net.ifnames=0 random.trust_cpu=on mitigations=off"
printf 'DEFAULT tiny\nPROMPT 0\nTIMEOUT 0\nLABEL tiny\n KERNEL /vmlinuz\n INITRD /initrd\n APPEND %s\n' "$CMD" > "$W/syslinux.cfg"
printf 'set timeout=0\nlinux /vmlinuz %s\ninitrd /initrd\nboot\n' "$CMD" > "$W/grub.cfg"
export MTOOLS_SKIP_CHECK=1
mcopy -i "$W/fat" "$KERNEL" ::/vmlinuz; mcopy -i "$W/fat" "$W/initrd-small" ::/initrd; mcopy -i "$W/fat" "$W/syslinux.cfg" ::/syslinux.cfg
mmd -i "$W/fat" ::/EFI ::/EFI/BOOT ::/EFI/debian
mcopy -i "$W/fat" "$W/pkg/usr/lib/shim/shimx64.efi.signed" ::/EFI/BOOT/BOOTX64.EFI
mcopy -i "$W/fat" "$W/pkg/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" ::/EFI/BOOT/grubx64.efi
mcopy -i "$W/fat" "$W/grub.cfg" ::/EFI/debian/grub.cfg
mke2fs -q -t ext4 -L tinyroot -m 0 -O ^metadata_csum_seed -E root_owner=0:0,lazy_itable_init=0,nodiscard -d "$R" "$W/ext4" ${R_MB}M
dd if="$W/fat" of="$D" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$W/ext4" of="$D" bs=1M seek=$((1+B_MB)) conv=notrunc,sparse status=none
rm -f "$OUT/tiny.qcow2"; qemu-img convert -q -c -f raw -O qcow2 "$D" "$OUT/tiny.qcow2"
{ echo "kernel $KVER"; for p in $PKGS; do basename "$(ls -t "$CACHE"/"${p}"_*.deb | head -1)"; done; cd "$OUT"; ls -l tiny.qcow2 tiny-vmlinuz tiny-initrd | awk '{print $5, $9}'; sha256sum tiny.qcow2 tiny-vmlinuz tiny-initrd; } > "$OUT/MANIFEST"
# The disk comes last: where it is, all is.
for f in tiny-vmlinuz tiny-initrd MANIFEST tiny.qcow2; do cp "$OUT/$f" "$FINAL/$f.new"; mv "$FINAL/$f.new" "$FINAL/$f"; done
