#!/bin/sh
# Prints passwords for the broker's users and servers, the token of the console, and a key for the sessions server, as lines for
#   kubectl -n runner-relay create secret generic runner-relay-passwords --from-env-file=FILE
# They begin with a letter: nats-server reads a value that begins with a digit as a number.
set -eu
for name in GATEWAY_PASSWORD RELAY_PASSWORD CONSOLE_PASSWORD OPERATOR_PASSWORD ADMIN_PASSWORD PRUNE_PASSWORD SERVE_PASSWORD WORKER_PASSWORD SESSION_PRUNE_PASSWORD TOKENS_PASSWORD ROUTE_PASSWORD PAGE_TOKEN SESSIONS_KEY; do
  echo "$name=p$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
done
