# For the tests of `tls`: sourced first. Without OpenSSL there is no such program.
source "$(dirname "${BASH_SOURCE[0]}")/lib_served.sh"
if ! [ -x "$bin/tls" ]; then
  echo "skipped: built without OpenSSL"
  exit 77
fi
run=$here/../../examples/tls/run.sh
ca=$work/tls/certificate.pem

# start_tls ARGUMENT...: by its script, which becomes the program; clients trust its certificate.
start_tls() {
  start "$run" --directory "$work/tls" "$@"
  export CURL_CA_BUNDLE=$ca
}
