#!/bin/sh
# redis-server with redis.conf beside this file and the password from the environment: an argument would show in every process
# list. The one user may do what Celery does, and neither empty the broker nor change how it keeps its data.
set -eu
: "${REDIS_PASSWORD:?the password is empty; set it in .env}"
case $REDIS_PASSWORD in *[!A-Za-z0-9]*) echo "REDIS_PASSWORD: letters and digits only" >&2; exit 1 ;; esac
umask 077
user=$(mktemp)
echo "user default reset on >$REDIS_PASSWORD ~* &* +@all -flushall -flushdb -swapdb -debug -shutdown -replicaof -slaveof -module -acl -config|set -config|rewrite" >"$user"
exec redis-server "$(dirname "$0")/redis.conf" --include "$user" "$@"
