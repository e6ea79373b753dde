#!/bin/sh
# Says every second that it is still there.
trap 'echo "told to stop"; exit 0' TERM
n=0
while :; do
  n=$((n + 1))
  echo "tick $n"
  sleep 1 &
  wait $!
done
