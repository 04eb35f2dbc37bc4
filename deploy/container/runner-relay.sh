#!/bin/sh
# The command in the image. A service gets a small heap, and does not end with exit code 78 (something has to be changed first): an engine cannot tell that
# code from others and would start it again for ever. Its container stays, unhealthy, until it is stopped or made anew. All other commands run as they are.
main=$(dirname "$0")/../dist/cli/main.js
case ${1:-} in
# 120 MB of gateway instead of 260, at the same speed.
gateway | relay | console | coordinator) heap=96 young=4 ;;
# 5,000 watchers of 80 KiB each.
serve) heap=512 young=8 ;;
worker) heap=192 young=4 ;;
*) exec node "$main" "$@" ;;
esac

NODE_OPTIONS="--max-old-space-size=$heap --max-semi-space-size=$young ${NODE_OPTIONS:-}"
export NODE_OPTIONS MALLOC_ARENA_MAX=2
node "$main" "$@" &
child=$!
stopping=
trap 'stopping=1; kill -TERM "$child" 2>/dev/null' TERM INT HUP
while wait "$child"; code=$?; kill -0 "$child" 2>/dev/null; do :; done
if [ "$code" -ne 78 ] || [ -n "$stopping" ]; then exit "$code"; fi

echo '{"level":60,"name":"container","msg":"a restart would not help: change what the last line names, then create the container again"}' >&2
sleep infinity &
sleeper=$!
trap 'kill "$sleeper" 2>/dev/null; exit 78' TERM INT HUP
wait "$sleeper"
