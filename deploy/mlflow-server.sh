#!/bin/sh
# Start MLflow's server with its secrets in the environment, where no list of processes shows them.
set -eu

PGPASSWORD=$(cat "$PGPASSWORD_FILE")
MLFLOW_AUTH_ADMIN_PASSWORD=$(cat "$MLFLOW_AUTH_ADMIN_PASSWORD_FILE")
MLFLOW_FLASK_SERVER_SECRET_KEY=$(cat "$MLFLOW_FLASK_SERVER_SECRET_KEY_FILE")
export PGPASSWORD MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY

exec mlflow server "$@"
