# Sourced by the runners beside it, which say where they are in `here`: a built terrella (TERRELLA),
# and on the PATH the Python with the packages of their requirements.txt, installed once into
# target/<name of the folder>. The AWS command line is found there as `aws`; nothing of the user's
# own set-up is.
root=$(cd "$here/../.." && pwd)
build=${CARGO_TARGET_DIR:-$root/target}
target=$build/$(basename "$here")
export TERRELLA=${TERRELLA:-$build/debug/terrella}

[[ -x $TERRELLA ]] || {
  echo "$TERRELLA is not there: run 'cargo build --package terrella', or set TERRELLA to a built one" >&2
  exit 1
}

wanted=$(sha256sum <"$here/requirements.txt")
if [[ $(cat "$target/installed" 2>/dev/null) != "$wanted" ]]; then
  rm -rf "$target"
  mkdir -p "$target"
  python3 -m venv "$target/venv" || {
    echo "no virtual environment could be made: install Python's venv (apt-get install python3-venv)" >&2
    exit 1
  }
  "$target/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  echo "$wanted" >"$target/installed"
fi

export PATH=$target/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1
for name in "${!AWS_@}"; do unset "$name"; done
