#!/bin/sh
# Write .env, with a fresh password wherever the example leaves one empty. An .env that is there stays as it is.
set -eu
cd "$(dirname "$0")/.."
test ! -e .env || { echo ".env is there already; nothing was changed" >&2; exit 1; }
umask 077
while IFS= read -r line; do
    case $line in
        [A-Z]*_PASSWORD=) echo "$line$(od -vN 32 -An -tx1 /dev/urandom | tr -d ' \n')" ;;
        *) echo "$line" ;;
    esac
done <deploy/.env.example >.env
echo "wrote .env with fresh passwords; keep a copy where you keep passwords"
