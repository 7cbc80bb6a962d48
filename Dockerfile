# The tool atu with libtorch, as an image: for the CPU, or for NVIDIA's GPUs with --build-arg BACKEND=cuda. docs/packages.md says
# how to build and use it.
# libtorch is made for x64, so the image is too, whatever builds it.
FROM --platform=linux/amd64 mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY .editorconfig global.json Directory.Build.props Directory.Build.targets Directory.Packages.props ./
COPY build/ build/
COPY tasks/AdaptThenUnlearn.Tasks/ tasks/AdaptThenUnlearn.Tasks/
COPY src/ src/

# Every record names the version with its commit. There is no repository here to find it in.
ARG REVISION=
ARG REPOSITORY_URL=
ARG BACKEND=cpu

# Compiled for this platform beforehand (ReadyToRun), short commands start in less time: docs/cost.md.
RUN dotnet publish src/AdaptThenUnlearn.Cli --configuration Release --output /app \
    --runtime linux-x64 --no-self-contained -p:PublishReadyToRun=true \
    -p:TorchBackend="$BACKEND" -p:SourceRevisionId="$REVISION" -p:RepositoryUrl="$REPOSITORY_URL"

FROM --platform=linux/amd64 mcr.microsoft.com/dotnet/runtime:10.0
COPY --from=build /app/ /opt/atu/
ENV PATH="/opt/atu:$PATH"
# What NVIDIA's container toolkit lets the image use; without a GPU nothing.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /work
# The image's own user without rights; a mounted folder needs the rights of its owner: docker run --user.
USER $APP_UID
ENTRYPOINT ["atu"]
