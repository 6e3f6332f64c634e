#!/usr/bin/env bash
# Builds the images with buildah and runs what is in them, as a user without rights on a read-only root, in a network of their own: self-test,
# health by each image's own HEALTHCHECK, a song over gRPC and the same song through the gateway. Prints the images' sizes.
# Needs root, buildah, patchelf and, where no registry answers, debootstrap, which then makes the base.
#
#   tests/images.sh [--built BUILD] [cpu|cuda]...     default: cpu
#
# --built BUILD  takes the programs from this build, made on Debian 12, instead of compiling in the image, which takes half an hour
#
# The CUDA image is built and starts on the CPU; that its libraries are all there is checked, and that it says what it misses without a GPU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

built="" images=()
while (($#)); do
  case $1 in
    --built) built=$(realpath "$2"); shift ;;
    cpu | cuda) images+=("$1") ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
((${#images[@]})) || images=(cpu)
[ "$(id -u)" = 0 ] || { echo "images: needs root" >&2; exit 2; }
for tool in buildah patchelf unshare ip; do
  command -v "$tool" >/dev/null || { echo "images: needs $tool" >&2; exit 2; }
done

work=$PWD/build/images
rm -rf "$work/context"
mkdir -p "$work"
export BUILDAH_ISOLATION=chroot BUILDAH_FORMAT=docker
buildah=(buildah --root "$work/storage" --runroot "$work/run")
version=$(sed -n 's/^project(vidmuse VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
registry_base=$(sed -n 's/^ARG BASE=//p' docker/Dockerfile)

# Prints the base's name: the one of the Dockerfile, or a fresh Debian 12.
base() {
  if timeout 60 "${buildah[@]}" pull --quiet "$registry_base" >/dev/null 2>&1; then
    echo "$registry_base"
    return
  fi
  echo "images: no registry answers: debootstrap makes the base" >&2
  if ! "${buildah[@]}" inspect --type image localhost/vidmuse-base >/dev/null 2>&1; then
    rm -rf "$work/debian"
    debootstrap --variant=minbase bookworm "$work/debian" http://deb.debian.org/debian >"$work/debootstrap.log" 2>&1 ||
      { tail "$work/debootstrap.log" >&2; return 1; }
    # What belongs to the network and not to the machine: certificates that its proxies sign with.
    mkdir -p "$work/debian/usr/local/share/ca-certificates"
    find /usr/local/share/ca-certificates -name '*.crt' \
      -exec cp -t "$work/debian/usr/local/share/ca-certificates" {} + 2>/dev/null || true
    local container
    container=$("${buildah[@]}" from scratch)
    "${buildah[@]}" add --quiet "$container" "$work/debian" / >/dev/null
    "${buildah[@]}" commit --quiet --rm "$container" localhost/vidmuse-base >/dev/null
    rm -rf "$work/debian"
  fi
  echo localhost/vidmuse-base
}

# Builds a target of a Dockerfile as an image of that name.
build_image() {  # Dockerfile, target, name
  local file=docker/$1 context=.
  if [ -n "$built" ]; then
    # The stage `build` becomes a copy of what docker/stage.sh lays out.
    context=$work/context
    if [ ! -e "$context/$1.staged" ]; then
      rm -rf "$context"
      mkdir -p "$context/docker"
      cp -r deploy "$context/deploy"
      cp docker/server.yaml "$context/docker/"
      if [ "$1" = Dockerfile.cuda ]; then docker/stage.sh "$built" "$context/runtime" --cuda
      else docker/stage.sh "$built" "$context/runtime"; fi
      touch "$context/$1.staged"
    fi
    file=$work/$1
    sed '/ AS build$/,/docker\/stage.sh/d' "docker/$1" |
      sed '/^ARG BASE=/a FROM scratch AS build\nCOPY runtime /runtime' >"$file"
  fi
  echo "images: building $3"
  "${buildah[@]}" build --quiet --layers --build-arg BASE="$base" --file "$file" --target "$2" --tag "$3" "$context" \
    >"$work/$2.log" 2>&1 || { tail -n 30 "$work/$2.log" >&2; echo "images: $3 could not be built" >&2; return 1; }
}

# A field of an image's configuration; lists a word a line.
field() {  # image, Python expression of `config`
  "${buildah[@]}" inspect --type image "$1" |
    python3 -c "import json, sys; config = json.load(sys.stdin)['Docker']['config']; x = $2; print(*(x if isinstance(x, list) else [x]), sep='\n')"
}

check_configuration() {  # image
  [ "$(field "$1" "config['User']")" = 10001 ]
  [ "$(field "$1" "config['StopSignal']")" = SIGTERM ]
  [ "$(field "$1" "config['Healthcheck']['Test'][0]")" = CMD ]
  [ "$(field "$1" "config['Labels']['org.opencontainers.image.version']")" = "$version" ]
}

# Mounts an image as a folder, whose path goes to `mounted`, and prints its size.
containers=()
trap '((${#containers[@]} == 0)) || "${buildah[@]}" rm "${containers[@]}" >/dev/null' EXIT
mount_image() {  # image
  local container
  container=$("${buildah[@]}" from --pull-never "$1")
  containers+=("$container")
  mounted=$("${buildah[@]}" mount "$container")
  mkdir -p "$mounted/model"
  echo "images: $1: $(du -sm "$mounted" | cut -f 1) MB on disk, of these $(du -sm "$mounted/opt/vidmuse" | cut -f 1) MB LibTorch and programs"
  python3 - "$mounted/opt/vidmuse/sbom.cdx.json" <<'END'
import json, sys
names = [component["name"] for component in json.load(open(sys.argv[1]))["components"]]
assert "libgrpc++1.51" in names and "python3" not in names, names
print(f"images: its bill of materials has {len(names)} components")
END
}

check_libraries() {  # folder
  # The driver's library is the machine's.
  local missing
  missing=$(chroot "$1" bash -c 'ldd /opt/vidmuse/bin/* /opt/vidmuse/lib/* 2>/dev/null' | grep 'not found' | grep -v libcuda.so.1 || true)
  [ -z "$missing" ] || { echo "images: libraries are missing: $missing" >&2; return 1; }
}

# Runs a script with namespaces of its own: no process, mount or connection outlives it.
alone() {  # script, arguments...
  unshare --mount --pid --net --fork bash -euo pipefail -c "$inside"$'\n'"$1" bash "${@:2}" </dev/null
}
# What the scripts of alone() know. in_image runs a command as the image's user, with a root that can't be written; become does so
# in the shell's own place, so that a background process is the command itself.
inside=$(cat <<'END'
mount --make-rprivate /
ip link set lo up
prepare() {  # folder
  mount --bind "$1" "$1"
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  mount -t tmpfs tmpfs "$1/tmp"
  mount --bind "$PWD/tests/data/demo" "$1/model"
  mount -o remount,bind,ro "$1"
}
become() {  # folder, command...
  exec env -i PATH=/opt/vidmuse/bin:/usr/bin:/bin setpriv --no-new-privs /usr/sbin/chroot --userspec=10001:10001 "$@"
}
in_image() { (become "$@"); }
END
)

run_cpu() {  # the server's folder, the gateway's
  local server=$1 gateway=$2
  mapfile -t entry < <(field "vidmuse:$version" "config['Entrypoint']")
  mapfile -t healthy < <(field "vidmuse:$version" "config['Healthcheck']['Test'][1:]")
  mapfile -t gateway_entry < <(field "vidmuse-gateway:$version" "config['Entrypoint']")
  mapfile -t gateway_healthy < <(field "vidmuse-gateway:$version" "config['Healthcheck']['Test'][1:]")
  declare -p version server gateway entry healthy gateway_entry gateway_healthy >"$work/variables"
  alone '
    . "$1"
    prepare "$server"; prepare "$gateway"
    until_healthy() {  # folder, command...
      for ((i = 0; i < 240; ++i)); do
        if in_image "$@" >/dev/null 2>&1; then return; fi
        sleep 0.5
      done
      echo "images: not healthy after two minutes" >&2; return 1
    }
    [ "$(in_image "$server" vidmuse_server --version)" = "vidmuse_server $version" ]
    [ "$(in_image "$gateway" vidmuse_gateway --version)" = "vidmuse_gateway $version" ]
    in_image "$server" vidmuse_server --self_test --device cpu
    if in_image "$server" touch /opt/vidmuse/x 2>/dev/null; then echo "images: the root can be written" >&2; exit 1; fi
    become "$server" "${entry[@]}" 2>/tmp/server.$$ & program=$!
    become "$gateway" "${gateway_entry[@]}" --server 127.0.0.1:50051 2>/tmp/gateway.$$ & gateway_program=$!
    until_healthy "$server" "${healthy[@]}" || { cat /tmp/server.$$ >&2; exit 1; }
    until_healthy "$gateway" "${gateway_healthy[@]}" || { cat /tmp/gateway.$$ >&2; exit 1; }
    in_image "$server" vidmuse generate --video /model/clip.mp4 --output /tmp/song.wav --seed 7 --duration 3
    curl -sS --fail --max-time 120 -T tests/data/demo/clip.mp4 -X POST "127.0.0.1:8080/v1/music?seed=7&duration=3" >/tmp/song.$$
    cmp "$server/tmp/song.wav" /tmp/song.$$
    echo "images: a song of $(stat -c %s /tmp/song.$$) bytes, the same over gRPC and through the gateway"
    kill -TERM "$program" "$gateway_program"
    wait "$program"; wait "$gateway_program"
    rm -f /tmp/song.$$ /tmp/server.$$ /tmp/gateway.$$
  ' "$work/variables"
}

run_cuda() {  # the server's folder
  alone '
    prepare "$1"
    in_image "$1" vidmuse_server --self_test --device cpu
    said=$(in_image "$1" vidmuse_server --model_dir /model --device cuda 2>&1) && { echo "images: cuda without a GPU" >&2; exit 1; }
    grep -i driver <<<"$said"
  ' "$1"
}

base=$(base)
for image in "${images[@]}"; do
  case $image in
    cpu)
      build_image Dockerfile server "vidmuse:$version"
      build_image Dockerfile gateway "vidmuse-gateway:$version"
      for name in vidmuse vidmuse-gateway; do check_configuration "$name:$version"; done
      mount_image "vidmuse:$version"
      server=$mounted
      mount_image "vidmuse-gateway:$version"
      check_libraries "$server"
      check_libraries "$mounted"
      run_cpu "$server" "$mounted"
      ;;
    cuda)
      build_image Dockerfile.cuda server "vidmuse-cuda:$version"
      check_configuration "vidmuse-cuda:$version"
      mount_image "vidmuse-cuda:$version"
      check_libraries "$mounted"
      run_cuda "$mounted"
      ;;
  esac
done
rm -rf "$work/context"
echo "images: ${images[*]} passed"
