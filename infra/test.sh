#!/usr/bin/env bash
# Checks everything below infra/ without an account and without AWS: format,
# values against declarations, and the native tests of every module and stack,
# a stack's tests/environment.tftest.hcl with the values of every environment.
#
#   infra/test.sh                          all of it
#   infra/test.sh modules/network …        only these
#
# The provider comes from where Terraform looks for it: a mirror if the CLI
# configuration (TF_CLI_CONFIG_FILE) names one, else the registry. It is unpacked
# and checked once, and every folder is tested with that copy. JOBS folders are
# tested at a time (2 unless set).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export scratch

export TF_IN_AUTOMATION=1 TF_INPUT=0 CHECKPOINT_DISABLE=1
# Each run starts the provider, which does little but allocate: collecting its
# garbage a third as often saves a quarter of the time.
export GOGC=${GOGC:-800}
# Nothing here may reach an account, whatever the caller is logged in to.
export AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_ENDPOINT_URL

fail() {
  printf 'infra/test.sh: %s\n' "$*" >&2
  exit 1
}

command -v terraform >/dev/null || fail "terraform is not installed; version 1.11 or newer is needed"

folders=("$@")
if ((${#folders[@]} == 0)); then
  folders=("$here"/modules/*/ "$here"/stacks/*/)
  folders=("${folders[@]#"$here"/}")
fi
folders=("${folders[@]%/}")
for folder in "${folders[@]}"; do
  [[ -f $here/$folder/versions.tf ]] || fail "'$folder' is no folder like modules/network or stacks/network"
done

# --- what can be seen without the provider -----------------------------------

terraform -chdir="$here" fmt -check -diff -recursive ||
  fail "not formatted as 'terraform fmt -recursive infra' does it"

for stack in "$here"/stacks/*/; do
  stack=$(basename "$stack")

  # The order of the stacks is read from these keys.
  grep -Eq "^ *key +=.*\"$stack/terraform.tfstate\"" "$here/stacks/$stack/versions.tf" ||
    fail "stacks/$stack keeps its state under a key that is not its name"
  while read -r read_stack; do
    [[ -d $here/stacks/$read_stack ]] || fail "stacks/$stack reads the state of $read_stack, which is no stack"
  done < <(sed -nE 's|^ *key +=.*"(.*)/terraform\.tfstate"$|\1|p' "$here/stacks/$stack/main.tf")

  # Rights follow who reads whose state, so bootstrap has to know it right.
  if [[ $stack != bootstrap ]]; then
    reads=$(sed -nE 's|^ *key +=.*"(.*)/terraform\.tfstate"$|\1|p' "$here/stacks/$stack/main.tf" | sort | sed 's/.*/"&"/' | paste -sd, | sed 's/,/, /g')
    grep -Eq "^ *$stack += \[$reads\]$" "$here/stacks/bootstrap/main.tf" ||
      fail "stacks/bootstrap/main.tf has to say in state_reads that $stack reads [$reads]"
  fi

  for environment in "$here"/environments/*/; do
    values=$environment$stack.tfvars
    [[ -f $values ]] || fail "$(basename "$environment") has no values for $stack: $values is missing"
    # Terraform only warns about a value that nobody reads.
    while read -r name; do
      grep -q "^variable \"$name\" {" "$here/stacks/$stack/variables.tf" ||
        fail "$values sets $name, which stacks/$stack does not declare"
    done < <(cat "$environment/backend.hcl" "$environment/common.tfvars" "$values" | sed -nE 's/^([a-z_]+) *=.*/\1/p')
  done
done

# --- one copy of everything, one provider ------------------------------------

cp -r "$here/modules" "$here/stacks" "$here/environments" "$scratch"
mkdir "$scratch/provider" "$scratch/logs"
cp "$here/stacks/network/versions.tf" "$scratch/provider"
# The stack's provider requirement without its backend and provider settings.
sed -i -e '/^  backend /,/^  }/d' -e '/^provider /,/^}/d' "$scratch/provider/versions.tf"
terraform -chdir="$scratch/provider" init -no-color >"$scratch/logs/init" ||
  { cat "$scratch/logs/init"; fail "cannot get the provider: is TF_CLI_CONFIG_FILE right?"; }

# run_job FOLDER [ENVIRONMENT [TEST]]
run_job() {
  local folder=$1 environment=${2:-} test=${3:-} values=()
  local label="$folder${environment:+ $environment}"
  local log="$scratch/logs/${label//[\/ ]/-}"
  export TF_DATA_DIR="$scratch/data/${label//[\/ ]/-}"

  mkdir -p "$TF_DATA_DIR"
  ln -s "$scratch/provider/.terraform/providers" "$TF_DATA_DIR/providers"
  cd "$scratch/$folder"
  if [[ -n $environment ]]; then
    local dir="$scratch/environments/$environment"
    values=("-var-file=$dir/backend.hcl" "-var-file=$dir/common.tfvars" "-var-file=$dir/$(basename "$folder").tfvars")
  fi
  if [[ -n $test ]]; then
    values+=("-filter=$test")
  fi

  # A test validates before it plans, so only a folder without tests is
  # validated by itself.
  if terraform get -no-color >"$log" 2>&1 &&
    if [[ -d tests ]]; then
      terraform test -no-color "${values[@]}" >>"$log" 2>&1
    else
      terraform validate -no-color >>"$log" 2>&1
    fi; then
    printf 'ok    %s: %s\n' "$label" "$(grep -E '^Success' "$log" | tail -n 1)"
  else
    printf 'FAIL  %s\n' "$label"
    cat "$log"
    return 1
  fi
}
export -f run_job

jobs=()
for folder in "${folders[@]}"; do
  cp "$scratch/provider/.terraform.lock.hcl" "$scratch/$folder"
  if [[ $folder == stacks/* && -d $here/$folder/tests ]]; then
    jobs+=("$folder dev")
    for environment in "$here"/environments/*/; do
      environment=$(basename "$environment")
      [[ $environment == dev ]] || jobs+=("$folder $environment tests/environment.tftest.hcl")
    done
  else
    jobs+=("$folder")
  fi
done

# Modules sort before stacks and are the longer jobs, so they begin first.
printf '%s\n' "${jobs[@]}" |
  xargs -P "${JOBS:-2}" -L 1 bash -c 'run_job "$@"' _ ||
  fail "some of it failed, see above"
