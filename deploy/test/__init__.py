"""docker-compose.yml and deploy/slurm.sh, run for real on one machine.

`make compose-test` runs `python -m deploy.test.compose`. On Debian, as root, it installs a Docker
Engine if none answers, and makes stand-ins for the base images if they cannot be pulled.
`make slurm-test` runs `python -m deploy.test.slurm`, which installs Slurm.
"""
