#!/usr/bin/env pwsh
# Restores Cake, builds the aliases that build/build.cake uses, and hands every argument on: .\build.ps1 --target=Smoke
Push-Location $PSScriptRoot
try {
    dotnet tool restore
    if ($LASTEXITCODE -eq 0) { dotnet build tasks/AdaptThenUnlearn.Cake --configuration Release --output artifacts/aliases --verbosity quiet }
    if ($LASTEXITCODE -eq 0) { dotnet cake build/build.cake @args }
}
finally {
    Pop-Location
}
exit $LASTEXITCODE
