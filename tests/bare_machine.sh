#!/usr/bin/env bash
# Runs both commands of the README on a bare machine: a fresh Debian 12 (or Ubuntu 24.04) that debootstrap
# makes in a folder of its own, with nothing installed but the base system, and a copy of what git tracks here.
# Says which command failed. Needs root, debootstrap and some 15 GB; takes about an hour on two cores.
#
#   tests/bare_machine.sh [--ubuntu] [--quickstart] [FOLDER]
#
# --ubuntu      Ubuntu 24.04 instead of Debian 12
# --quickstart  only the first command
# FOLDER        where the machine is made, default build/bare_machine; removed when all is well
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite=bookworm
mirror=http://deb.debian.org/debian
components=main
commands=(deploy/quickstart.sh tests/run.sh)
folder=$PWD/build/bare_machine
while (($#)); do
  case $1 in
    --ubuntu) suite=noble mirror=http://archive.ubuntu.com/ubuntu components=main,universe ;;
    --quickstart) commands=(deploy/quickstart.sh) ;;
    -*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) folder=$(realpath -m "$1") ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || { echo "bare_machine: needs root" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "bare_machine: needs debootstrap" >&2; exit 2; }
case $folder in *[\ \	]*) echo "bare_machine: $folder has a blank in its name" >&2; exit 2 ;; esac

machine=$folder/$suite
rm -rf "$machine"
mkdir -p "$machine"
script=$suite
[ -e "/usr/share/debootstrap/scripts/$suite" ] || script=gutsy  # what every Ubuntu's script is
echo "bare_machine: making $suite in $machine"
keyring=()
[ "$suite" != noble ] || [ -e /usr/share/keyrings/ubuntu-archive-keyring.gpg ] || keyring=(--no-check-gpg)
debootstrap --variant=minbase --components="$components" "${keyring[@]}" "$suite" "$machine" "$mirror" \
  "/usr/share/debootstrap/scripts/$script" >"$folder/debootstrap.log" 2>&1 ||
  { tail -n 20 "$folder/debootstrap.log" >&2; echo "bare_machine: debootstrap failed" >&2; exit 1; }

# What belongs to the network and not to the machine: names, and certificates that its proxies sign with.
cp /etc/resolv.conf "$machine/etc/resolv.conf"
mkdir -p "$machine/usr/local/share/ca-certificates"
find /usr/local/share/ca-certificates -name '*.crt' -exec cp -t "$machine/usr/local/share/ca-certificates" {} + 2>/dev/null || true

mkdir -p "$machine/opt/vidmuse"
git ls-files -z | tar -c --null --files-from=- | tar -x -C "$machine/opt/vidmuse"

for command in "${commands[@]}"; do
  echo "bare_machine: $command"
  begin=$SECONDS
  # Namespaces of its own, so that no mount and no process outlives the command.
  unshare --mount --pid --fork bash -c '
    set -e
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t sysfs -o ro sysfs "$1/sys"
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
      chroot "$1" bash -c "cd /opt/vidmuse && exec $2"' bash "$machine" "$command" </dev/null ||
    { echo "bare_machine: $command FAILED in $machine after $((SECONDS - begin)) s" >&2; exit 1; }
  echo "bare_machine: $command passed in $((SECONDS - begin)) s"
done
rm -rf "$machine"
