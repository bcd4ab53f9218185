#!/bin/sh
# Create the databases at the first start, as the official image does, then start the server.
set -eu

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # initdb asks for the name of its user, who may have none here.
    printf 'postgres:x:%s:%s::/:/bin/false\n' "$(id -u)" "$(id -g)" >/tmp/passwd
    printf 'postgres:x:%s:\n' "$(id -g)" >/tmp/group
    export NSS_WRAPPER_PASSWD=/tmp/passwd NSS_WRAPPER_GROUP=/tmp/group
    LD_PRELOAD=libnss_wrapper.so initdb --username="$POSTGRES_USER" \
        --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses=''" start
    psql --username="$POSTGRES_USER" --dbname=postgres --command="CREATE DATABASE $POSTGRES_DB"
    for file in /docker-entrypoint-initdb.d/*.sql; do
        psql --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --set=ON_ERROR_STOP=1 --file="$file"
    done
    pg_ctl --wait --mode=fast stop
fi

exec "$@" -c "listen_addresses=*"
