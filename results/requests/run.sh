#!/bin/sh
# Five requests, one after another: forget the digits 8, 4, 1, 7 and 2. The generator of each run is what the run before released,
# and each policy keeps the limits of all before it.
# It stops where a request is not met, because then nothing was released to go on from.
#   run.sh [FOLDER [ATU…]]   FOLDER, from the repository's root, is artifacts/requests if it is not given; ATU… is the command
#                            that governs, with options for every run
set -eu
cd "$(dirname "$0")/../.."
folder=${1:-artifacts/requests}
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- dotnet run --project src/AdaptThenUnlearn.Cli --configuration Release -- govern
generator=$PWD/models/mnist/stylegan2.safetensors
earlier=
for digit in 8 4 1 7 2; do
    name=mnist-request-$digit
    rule='"name": "digit-'$digit'", "annotator": "digits", "auditor": "digits-auditor", "class": "'$digit'", "maxRate": 0.01'
    "$@" policies/mnist-no-digit-8.json --out "$folder" --set "name=$name" --set "generator.checkpoint=$generator" \
        --set "undesiredFeatures=[$earlier { $rule, \"minUnlearned\": 0.95 } ]"
    generator=$folder/$name/$name.safetensors
    earlier="$earlier { $rule },"
done
