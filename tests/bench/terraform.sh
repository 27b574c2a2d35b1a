#!/usr/bin/env bash
# Side by side with Terraform, whole processes: N values here, N `terraform_data` there; nothing waits for a network.
#
#   cargo build --release && tests/bench/terraform.sh [N…]        100 and 1000 if none is given
#
# Needs terraform in PATH and GNU time. STACK names another binary than target/release/stack.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
stack=${STACK:-$root/target/release/stack}
[ -x "$stack" ] || { echo "there is no $stack: run \`cargo build --release\` first" >&2; exit 2; }
command -v terraform >/dev/null || { echo "terraform is not installed: nothing to compare with" >&2; exit 2; }
timer=$(type -P time) || { echo "GNU time is not installed" >&2; exit 2; }
sizes=("$@")
[ $# -gt 0 ] || sizes=(100 1000)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1

# Seconds and megabytes of a command, the least of three runs if it changes nothing.
measure() {
  local times=$1 best="" began seconds kilobytes
  shift
  for _ in $(seq "$times"); do
    began=$EPOCHREALTIME
    "$timer" -o "$work/took" -f '%M' "$@" >/dev/null 2>"$work/said" || { cat "$work/said" >&2; exit 1; }
    seconds=$(awk "BEGIN { printf \"%.4f\", $EPOCHREALTIME - $began }")
    kilobytes=$(<"$work/took")
    if [ -z "$best" ] || awk "BEGIN { exit !($seconds < ${best% *}) }"; then
      best="$seconds $kilobytes"
    fi
  done
  echo "$best"
}

row() {
  local what=$1 theirs=$2 ours=$3
  awk -v what="$what" -v t="${theirs% *}" -v tk="${theirs#* }" -v o="${ours% *}" -v ok="${ours#* }" 'BEGIN {
    printf "%-26s %9.3f s %6.0f MB %9.3f s %6.0f MB %8.0fx\n", what, t, tk / 1024, o, ok / 1024, t / o }'
}

printf '%-26s %11s %9s %11s %9s %9s\n' "" terraform "" stack "" faster
for n in "${sizes[@]}"; do
  mkdir -p "$work/$n/stacks"
  cd "$work/$n"
  {
    printf 'terraform {\n}\n'
    for i in $(seq "$n"); do printf 'resource "terraform_data" "v%d" {\n  input = "value %d"\n}\n' "$i" "$i"; done
  } >main.tf
  {
    printf '[stack]\nname = "many"\nregion = "us-west-2"\n'
    for i in $(seq "$n"); do printf '[values.v%d]\ninput = "value %d"\n' "$i" "$i"; done
  } >stacks/many.toml
  terraform init -input=false >/dev/null
  row "first plan, $n" "$(measure 1 terraform plan -input=false)" "$(measure 3 "$stack" plan many --sandbox)"
  row "up from nothing, $n" "$(measure 1 terraform apply -input=false -auto-approve)" \
    "$(measure 1 "$stack" up many --sandbox --yes)"
  row "plan with no change, $n" "$(measure 3 terraform plan -input=false)" "$(measure 3 "$stack" plan many --sandbox)"
done
row "start" "$(measure 3 terraform version)" "$(measure 3 "$stack" --version)"
