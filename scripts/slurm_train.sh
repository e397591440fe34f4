#!/usr/bin/env bash
# An example job: one ensemble on one node, or as an array one in each task.
#
#   sbatch scripts/slurm_train.sh runs/all-cnn-c --dataset cifar10 --instances 10
#   sbatch --array=0-8 scripts/slurm_train.sh runs/dropout --dataset cifar10 --instances 10
#
# The first word is the run folder, on a disk that all nodes see; the others are settings of
# `ensemble-rsa train`. As an array, each task trains an ensemble of its own, with one of the
# paper's nine rates of dropout, in a folder of its own.
#
#SBATCH --job-name=ensemble-rsa
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.log
#SBATCH --signal=TERM@120
set -euo pipefail

if (($# < 1)); then
  echo "usage: sbatch [--array=0-8] $0 FOLDER [settings of ensemble-rsa train]" >&2
  exit 2
fi
folder=$1
shift
settings=("$@")

if [[ -n ${SLURM_ARRAY_TASK_ID:-} ]]; then
  folder+="/dropout-0.$SLURM_ARRAY_TASK_ID"
  settings+=(--dropout "0.$SLURM_ARRAY_TASK_ID")
fi
# A requeued job resumes from its stored states.
if [[ -f $folder/manifest.json ]]; then
  settings+=(--resume)
fi

# SIGTERM comes two minutes before the end, by --signal above: training stores its state and stops.
# For one ensemble on many nodes, see --cluster.
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"
status=0
srun --kill-on-bad-exit=0 ensemble-rsa train --out "$folder" --quiet "${settings[@]}" || status=$?

# 130: training was stopped and can be resumed; 143: it had not begun.
if ((status == 130 || status == 143)) && [[ -n ${SLURM_JOB_ID:-} ]]; then
  task=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}}
  scontrol requeue "${task:-$SLURM_JOB_ID}"
fi
exit "$status"
