#!/bin/sh
# Writes passwords for the broker's users into .env beside docker-compose.yml, once. They begin with a letter: nats-server reads a value
# that begins with a digit as a number.
set -eu
cd "$(dirname "$0")/.."
umask 077
if [ -e .env ]; then
  echo ".env is there already" >&2
  exit 1
fi
for name in GATEWAY RELAY OPERATOR ADMIN PRUNE; do
  echo "${name}_PASSWORD=p$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
done >.env
