#!/bin/sh
# Fetches the files that `sha256sums`, beside this script, names and checks them:
#
#   download.sh FOLDER
#
# MODEL_URL  where they are: each name follows it after a slash
# S3_REGION  set: requests are signed for S3 with KEY_ID:SECRET from /s3/credentials (or the file S3_CREDENTIALS)
#
# What is there already and is right stays, so that a restarted container goes on where it was. A file has its name only
# once it was checked. Any failure ends with 1, and Kubernetes tries again.
set -eu
folder=$1
sums=$(dirname "$0")/sha256sums
url=${MODEL_URL%/}
credentials=${S3_CREDENTIALS:-/s3/credentials}
[ -s "$sums" ] || { echo "download: no $sums" >&2; exit 1; }

is_right() {  # sum, file
  [ -f "$2" ] && [ "$(sha256sum "$2" | cut -d ' ' -f 1)" = "$1" ]
}

# Options that hold a secret go through a pipe, since all processes see arguments.
signing() {
  [ -z "${S3_REGION:-}" ] ||
    printf 'aws-sigv4 = "aws:amz:%s:s3"\nuser = "%s"\n' "$S3_REGION" "$(cat "$credentials")"
}

fetch() {  # URL, file
  signing | curl --config - --fail --silent --show-error --location --proto '=https,http' --proto-redir '=https' \
    --connect-timeout 10 --speed-limit 1000 --speed-time 60 --max-time 3600 --retry 5 --retry-max-time 600 \
    --continue-at - --output "$2" "$1"
}

while read -r sum name; do
  name=${name#\*}  # sha256sum's mark of a binary file
  case $name in
    '' | /* | *..*) echo "download: not a name in the folder: '$name'" >&2; exit 1 ;;
  esac
  file=$folder/$name
  if is_right "$sum" "$file"; then
    echo "download: $name is there"
    continue
  fi
  mkdir -p "$(dirname "$file")"
  if ! is_right "$sum" "$file.part"; then
    echo "download: $url/$name"
    code=0
    fetch "$url/$name" "$file.part" || code=$?
    if [ "$code" != 0 ]; then
      # 22: the server refused, perhaps to go on after so many bytes; 33: it can't. The next try begins anew.
      case $code in 22 | 33) rm -f "$file.part" ;; esac
      echo "download: $url/$name could not be fetched" >&2
      exit 1
    fi
  fi
  if ! is_right "$sum" "$file.part"; then
    rm -f "$file.part"
    echo "download: $name does not have the SHA-256 that was promised" >&2
    exit 1
  fi
  mv "$file.part" "$file"
done <"$sums"
