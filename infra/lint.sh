#!/usr/bin/env bash
# What outsiders say of the Terraform below infra/: checkov, on every stack with
# the values of production, and the rules of style in lint.py. Offline, once
# checkov is installed; what it is told to overlook says why where it stands.
#
#   infra/lint.sh
#   infra/lint.sh --install    only makes sure that checkov is there
#
# checkov comes from CHECKOV, or is installed, in the versions that
# requirements.txt names, below target/. JOBS stacks are checked at a time (2
# unless set).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export here

fail() {
  printf 'infra/lint.sh: %s\n' "$*" >&2
  exit 1
}

command -v python3 >/dev/null || fail "python3 is not installed"
if [[ -z ${CHECKOV:-} ]]; then
  # A folder per list of versions: another list is another folder.
  folder=$here/../target/checkov-$(sha256sum "$here/requirements.txt" | cut -c1-16)
  CHECKOV=$folder/bin/checkov
  if [[ ! -x $CHECKOV ]]; then
    # Made under another name, so that one that was interrupted is not taken for
    # a whole one. Programs in it name their folder, so it is installed in place.
    rm -rf "$folder"
    python3 -m venv "$folder" &&
      "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" ||
      { rm -rf "$folder"; fail "checkov cannot be installed; is there a network, or set CHECKOV"; }
  fi
fi
[[ ${1:-} == --install ]] && exit 0
export CHECKOV
# Nothing is asked of checkov's makers.
export BC_API_KEY='' CHECKOV_RUN_SCA_PACKAGE_SCAN=false LOG_LEVEL=ERROR

python3 "$here/lint.py" "$here"

check() {
  local stack=$1 values=$here/environments/prod log
  if log=$("$CHECKOV" --directory "$here/stacks/$stack" --framework terraform --skip-download --quiet --compact \
    --var-file "$values/common.tfvars" --var-file "$values/$stack.tfvars" 2>&1); then
    printf 'ok    checkov stacks/%s\n' "$stack"
  else
    printf 'FAIL  checkov stacks/%s\n%s\n' "$stack" "$log"
    return 1
  fi
}
export -f check

for stack in "$here"/stacks/*/; do
  basename "$stack"
done | xargs -P "${JOBS:-2}" -I{} bash -c 'check {}' || fail "checkov found something, see above"
