#!/bin/sh
# Reports one answer of an agent with curl: binds the session, adds a message, adds the result without waiting for the coordinator, and
# follows the result's receipt. For programs that can only run commands.
#
#   AGENT_ORCHESTRATOR_API_URL=http://127.0.0.1:8766 sh examples/report.sh ses_1 'the text of the answer'
set -eu

gateway=${AGENT_ORCHESTRATOR_API_URL%/}
session=$1
text=$(printf %s "$2" | tr '\n\t' '  ' | sed 's/[\\"]/\\&/g') # as a JSON text
now=$(date -u +%Y-%m-%dT%H:%M:%S) # the coordinator sorts by time, so each event gets a later one: .000, .001
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT

# send METHOD PATH BODY [OPTION...]: prints the answer. curl repeats the request with the same Idempotency-Key after 429, 5xx, a time-out or
# a refused connection, so a retry is not a second event. Any other error ends the script.
send() {
  method=$1 path=$2 body=$3
  shift 3
  key=$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)
  curl --silent --show-error --fail-with-body --request "$method" "$gateway$path" \
    --max-time 5 --retry 8 --retry-max-time 30 --retry-connrefused \
    --header 'Content-Type: application/json' --header "Idempotency-Key: $key" \
    --data "$body" --dump-header "$headers" "$@"
  echo
}

send POST /bind "{\"session_id\":\"$session\",\"executor_session_id\":\"sh-$session\"}"
send POST /events "{\"session_id\":\"$session\",\"event_type\":\"message\",\"timestamp\":\"$now.000Z\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"$text\"}]}"
# 202: it is on disk, and `Location` is its receipt
send POST /events "{\"session_id\":\"$session\",\"event_type\":\"result\",\"timestamp\":\"$now.001Z\",\"result_text\":\"$text\"}" \
  --header 'Prefer: respond-async'
receipt=$(sed -n 's/^[Ll]ocation: *\([^ ]*\)\r*$/\1/p' "$headers" | tr -d '\r')

while state=$(curl --silent --show-error --fail-with-body --max-time 5 "$gateway$receipt"); do
  case $state in
    *'"state":"pending"'*) sleep 1 ;;
    *) break ;;
  esac
done
echo "$state"
