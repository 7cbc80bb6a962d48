#!/usr/bin/env bash
# Restores Cake, builds the aliases that build/build.cake uses, and hands every argument on: ./build.sh --target=Smoke
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
dotnet tool restore
dotnet build tasks/AdaptThenUnlearn.Cake --configuration Release --output artifacts/aliases --verbosity quiet
exec dotnet cake build/build.cake "$@"
