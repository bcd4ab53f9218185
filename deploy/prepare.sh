#!/bin/sh
# Make what docker-compose.yml needs: .env, and the secrets in deploy/secrets. What exists is kept.
set -eu
cd "$(dirname "$0")/.."
umask 077

# The containers run as this user. PostgreSQL refuses root, so root's become another user's.
uid=$(id -u)
gid=$(id -g)
if [ "$uid" = 0 ]; then
    uid=${SUDO_UID:-1000}
    gid=${SUDO_GID:-1000}
fi

mkdir -p deploy/secrets
for name in postgres_password mlflow_password mlflow_session_key ray_token; do
    [ -s "deploy/secrets/$name" ] ||
        od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' >"deploy/secrets/$name"
done
touch deploy/secrets/aws_credentials # stays empty unless artifacts go to S3
[ "$(id -u)" != 0 ] || chown -R "$uid:$gid" deploy/secrets

if [ ! -e .env ]; then
    sed -e "s|^VSS_UID=.*|VSS_UID=$uid|" -e "s|^VSS_GID=.*|VSS_GID=$gid|" \
        -e "s|@REPOSITORY@|$PWD|" -e "s|@CPUS@|$(nproc)|" deploy/env.example >.env
    command -v nvidia-smi >/dev/null || sed -i 's/^COMPOSE_PROFILES=gpu$/COMPOSE_PROFILES=cpu/' .env
    mkdir -p data
    chmod 755 data
fi
echo "ready: .env ($(grep ^COMPOSE_PROFILES= .env)) and the secrets in deploy/secrets"
