# Makes a picture as a job: submits it, shows its events, and goes on if the connection, or the service, breaks off.
# It needs curl alone.
#
#     sh job.sh "a red boat" http://localhost:8000

set -u
prompt=${1:-"a red boat"}
address=${2:-"http://localhost:8000"}
base=$(printf '%s' "$address" | sed 's:/*$::')
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
exec 3>&1

# Print a field of a JSON object on one line, such as "status" or "image_url".
field() {
  sed -En "s/.*\"$1\":\"(([^\"\\\\]|\\\\.)*)\".*/\1/p"
}

# Say what went wrong, and end.
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# Print the last event's data: the final job; nothing if the stream broke off. Progress goes to the screen.
events() {
  curl -sN "$1" | while IFS= read -r line; do
    case $line in
      "event: "*) event=${line#event: } ;;
      "data: "*)
        case $event in
          progress) printf '%s\n' "$line" | field message >&3 ;;
          completed | failed | canceled) printf '%s\n' "$line" ;;
        esac
        ;;
    esac
  done
}

# By the key a repeated request returns the same job, and makes no second one.
job=$(curl -s --retry 3 --retry-all-errors -H "Idempotency-Key: $key" --form-string "prompt=$prompt" "$base/api/v1/generate") ||
  fail "Cannot reach $base: curl's error $?."
stream=$(printf '%s\n' "$job" | field events)
[ -n "$stream" ] || fail "$(printf '%s\n' "$job" | field error)"

attempts=0
until final=$(events "$stream") && [ -n "$final" ]; do
  attempts=$((attempts + 1))
  [ "$attempts" -lt 20 ] || fail "The connection broke $attempts times."
  sleep 3
done

picture=$(printf '%s\n' "$final" | field image_url)
[ -n "$picture" ] || fail "$(printf '%s\n' "$final" | field error)"
printf '%s\n' "$picture"
