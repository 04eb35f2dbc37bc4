#!/bin/sh
# Writes passwords for the broker's users, the token of the status page, and the key of the sessions server, into .env beside docker-compose.yml. What stands there stays; what is
# missing is added, as after an upgrade that brings a new user. They begin with a letter: nats-server reads a value that begins with a digit as a number.
set -eu
cd "$(dirname "$0")/.."
umask 077
touch .env
for name in GATEWAY_PASSWORD RELAY_PASSWORD CONSOLE_PASSWORD OPERATOR_PASSWORD ADMIN_PASSWORD PRUNE_PASSWORD SERVE_PASSWORD WORKER_PASSWORD SESSION_PRUNE_PASSWORD TOKENS_PASSWORD PAGE_TOKEN SESSIONS_KEY; do
  grep -q "^$name=" .env || echo "$name=p$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >>.env
done
