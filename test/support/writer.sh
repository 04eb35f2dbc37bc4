# Writes a line about every 50 ms, as often as the second argument says: which turn it is, and when. It goes on when nobody reads what it prints.
trap '' PIPE
exec 9<> <(:)
for ((i = 0; i < $2; i++)); do
  echo "$1 $i $EPOCHREALTIME" >> writes
  echo "$i" 2> /dev/null
  read -r -t 0.05 -u 9
done
exit 0
