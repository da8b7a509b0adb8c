#!/usr/bin/env bash
# Makes this machine one that the container tests can run on: a container engine that answers, and the one image that they
# use. Does nothing where both are there. The image is made of this machine's own node and the libraries that it needs, so
# nothing is pulled from anywhere. Wants root on Debian only where the engine has to be installed or started.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH:/usr/sbin:/sbin"

image=iris-test-node
log="${TMPDIR:-/tmp}/iris-test-dockerd.log"
started_within_s=60

answers() { docker version >/dev/null 2>&1; }

if ! answers && ! { command -v docker && command -v dockerd && command -v iptables; } >/dev/null; then
  echo "installing a container engine"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends docker.io iptables >/dev/null
fi

# The package's own service may still be on its way.
for _ in 1 2 3; do answers && break; sleep 1; done
if ! answers; then
  echo "starting the container engine, its log is $log"
  setsid dockerd >"$log" 2>&1 </dev/null &
  for ((waited = 0; waited < started_within_s * 5; waited++)); do
    answers && break
    sleep 0.2
  done
  answers || { tail -n 20 "$log" >&2; echo "the container engine did not answer within ${started_within_s} s" >&2; exit 1; }
fi

node=$(node -p process.execPath)
made_of=$(stat -Lc '%s-%Y' "$node")
if [ "$(docker image inspect --format '{{ index .Config.Labels "made-of" }}' "$image" 2>/dev/null)" = "$made_of" ]; then
  echo "image $image is there"
  exit 0
fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/usr/local/bin" "$root/tmp"
cp -L "$node" "$root/usr/local/bin/node"
ldd "$node" | grep -oE '/[^ ]+' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
tar -C "$root" -c . |
  docker import --change "ENV PATH=/usr/local/bin" --change "LABEL made-of=$made_of" - "$image" >/dev/null
echo "image $image was made of $node"
