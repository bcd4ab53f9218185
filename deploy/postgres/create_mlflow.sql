-- The image creates the first database, the ledger; MLflow has its own.
CREATE DATABASE mlflow;
