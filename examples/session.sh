#!/bin/sh
# Runs a turn in a session with curl, and shows its events as they come. For programs that can only run commands.
#
#   RUNNER_RELAY_SESSIONS_URL=http://127.0.0.1:8002 RUNNER_RELAY_SESSIONS_API_KEY=$(runner-relay sessions key) \
#     sh examples/session.sh ses_demo 'Say hello'
set -eu

server=${RUNNER_RELAY_SESSIONS_URL%/}
session=$1 # letters, digits, - and _
text=$(printf %s "$2" | tr '\n\t' '  ' | sed 's/[\\"]/\\&/g') # as a JSON text
turn=$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)

# send PATH BODY: prints the answer. A repeat is none, because session and turn have ids of their own. Any refusal ends the script.
send() {
  curl --silent --show-error --fail-with-body --max-time 10 --retry 8 --retry-max-time 30 --retry-connrefused \
    --header "Authorization: Bearer $RUNNER_RELAY_SESSIONS_API_KEY" --header 'Content-Type: application/json' \
    --data "$2" "$server$1"
  echo
}

send /sessions "{\"session_id\":\"$session\"}"
accepted=$(send "/sessions/$session/turns" "{\"user_input\":\"$text\",\"client_turn_id\":\"$turn\"}") || {
  echo "$accepted"
  exit 1
}
after=$(printf %s "$accepted" | sed 's/.*"seq":\([0-9]*\).*/\1/')

# Follows the session behind $after until the turn has ended; each event is printed when it is complete.
follow() {
  id='' data=''
  while IFS= read -r line; do
    case $line in
      id:*) id=${line#id: } ;;
      data:*) data=$data${line#data: } ;;
      '')
        [ -z "$data" ] || printf '%s\n' "$data"
        after=${id:-$after}
        case $data in *'"turn_id":"'"$turn"'","type":"turn_ended"'*) return 0 ;; esac
        id='' data=''
        ;;
    esac
  done
  return 1
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
stream=$folder/stream
mkfifo "$stream"
while :; do
  curl --silent --show-error --fail --no-buffer --speed-limit 1 --speed-time 45 \
    --header "Authorization: Bearer $RUNNER_RELAY_SESSIONS_API_KEY" --header 'Accept: text/event-stream' \
    "$server/sessions/$session/events?after=$after" >"$stream" &
  reader=$!
  if follow <"$stream"; then
    kill "$reader" 2>/dev/null || :
    break
  fi
  wait "$reader" || : # the connection broke: the next one begins behind the last event
  sleep 1
done
