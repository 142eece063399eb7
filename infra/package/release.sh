#!/usr/bin/env bash
# Makes a release in build/release: the command for every platform, Debian packages, a bill of materials and checksums.
# Same source and same Go, same bytes. VERSION=1.2.3 bash infra/package/release.sh [platform...]
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${VERSION:?name the version, as in VERSION=1.2.3}"
out=build/release
rm -rf "$out" && mkdir -p "$out"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export VERSION SOURCE_DATE_EPOCH CGO_ENABLED=0
platforms=("$@")
if [ $# -eq 0 ]; then
	platforms=(linux/amd64 linux/arm64 linux/arm/7 darwin/amd64 darwin/arm64 windows/amd64)
fi

# What the package has of the command: its manual and its completions.
mkdir -p build/package
go build -trimpath -buildvcs=false -ldflags "-X main.release=$VERSION" -o build/package/carillon ./infra/carillon
rm -rf build/package/man
build/package/carillon man build/package/man
gzip -9n build/package/man/*
build/package/carillon completion bash >build/package/carillon.bash
build/package/carillon completion zsh >build/package/_carillon
build/package/carillon completion fish >build/package/carillon.fish

for platform in "${platforms[@]}"; do
	IFS=/ read -r os arch arm <<<"$platform"
	name=carillon_${VERSION}_${os}_${arch}${arm:+v$arm}
	binary=$out/$name
	[ "$os" = windows ] && binary=$binary.exe
	# Without -buildvcs the working copy's state is no part of it: the version names the commit.
	GOOS=$os GOARCH=$arch GOARM=${arm:-} go build -trimpath -buildvcs=false -ldflags "-s -w -X main.release=$VERSION" -o "$binary" ./infra/carillon
	if [ "$os" = linux ]; then
		case $arch$arm in amd64) deb=amd64 ;; arm64) deb=arm64 ;; arm7) deb=armhf ;; esac
		DEB_ARCH=$deb BINARY=$binary go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0 package --config infra/package/nfpm.yaml --packager deb --target "$out/carillon_${VERSION}_$deb.deb"
	fi
done

go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 app -json -noserial -notimestamp -licenses -main infra/carillon -output "$out/carillon_$VERSION.cdx.json"
(cd "$out" && sha256sum -- * >SHA256SUMS)
