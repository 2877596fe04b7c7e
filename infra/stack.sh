#!/usr/bin/env bash
# Runs Terraform in one stack with the values of one environment:
#
#   infra/stack.sh dev network plan
#   infra/stack.sh prod service apply -var image=sha256:…
#
# It saves typing and nothing else: the same can be done by hand (README.md).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if (($# < 3)); then
  sed -nE '2,/^set /{s/^# ?//p}' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
environment=$1 stack=$2 command=$3
shift 3

values=$here/environments/$environment
[[ -d $values ]] || { echo "infra/stack.sh: there is no environment '$environment' in $here/environments" >&2; exit 2; }
[[ -d $here/stacks/$stack ]] || { echo "infra/stack.sh: there is no stack '$stack' in $here/stacks" >&2; exit 2; }

# One working directory per environment, so that no command can meet the state
# of another environment's last one.
export TF_DATA_DIR=${TF_DATA_DIR:-$here/stacks/$stack/.terraform/$environment}
export TF_INPUT=0

terraform -chdir="$here/stacks/$stack" init -reconfigure -backend-config="$values/backend.hcl" >&2

case $command in
plan | apply | destroy | refresh | import | console)
  # A saved plan carries its values.
  for argument in "$@"; do
    if [[ $command == apply && $argument != -* && (-f $here/stacks/$stack/$argument || ($argument == /* && -f $argument)) ]]; then
      exec terraform -chdir="$here/stacks/$stack" apply "$@"
    fi
  done
  exec terraform -chdir="$here/stacks/$stack" "$command" \
    -var-file="$values/backend.hcl" -var-file="$values/common.tfvars" -var-file="$values/$stack.tfvars" "$@"
  ;;
*)
  exec terraform -chdir="$here/stacks/$stack" "$command" "$@"
  ;;
esac
