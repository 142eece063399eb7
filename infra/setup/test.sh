#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: Debian packages, then the npm packages of infra/sim/peers.
# What is there is left alone. A server that tests start joins by one `need` line.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
# need PACKAGES COMMAND...: the Debian packages are missing where the command fails.
need() {
	local packages=$1
	shift
	"$@" >/dev/null 2>&1 || read -ra missing <<<"${missing[*]} $packages"
}
node_20() { node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; }
browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
chromium=chromium
grep -qs '^ID=ubuntu' "${OS_RELEASE:-/etc/os-release}" && chromium=chromium-browser

need "gcc libc6-dev" command -v gcc                                            # the race detector
need "$chromium" browser                                                       # shows the dashboard
need "python3 python3-icalendar python3-zeep" "${PYTHON3:-/usr/bin/python3}" -c 'import icalendar, zeep' # read our feeds, call our SOAP service
need "nodejs" node_20                                                          # Azurite, Google's Node client, Prism, ical.js
need "npm" command -v npm
need "postgresql" compgen -G "${POSTGRES:-/usr/lib/postgresql/*/bin/postgres}"    # holds the ledger of stays
need "rabbitmq-server" test -x "${RABBITMQ:-/usr/lib/rabbitmq/bin/rabbitmq-server}" # between the halves of the old stays

if [ ${#missing[@]} -gt 0 ]; then
	if ! command -v apt-get >/dev/null; then
		echo "The tests need these packages, here by their Debian names; install them and run make test again:" >&2
		echo "  ${missing[*]}   (nodejs: version 20 or newer)" >&2
		exit 1
	fi
	as_root=()
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "The tests need these packages. Run this as root, then make test again: apt-get install ${missing[*]}" >&2
			exit 1
		fi
		as_root=(sudo)
	fi
	echo "Installing what the tests need, with apt-get: ${missing[*]}"
	"${as_root[@]}" apt-get update -q
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
	if ! node_20; then
		echo "The tests need Node.js 20 or newer; this system's package is $(node --version): install a newer one and run make test again." >&2
		exit 1
	fi
fi

# npm writes this file last: without it an installation was interrupted.
done=infra/sim/peers/node_modules/.package-lock.json
if [ ! -e "$done" ] || [ infra/sim/peers/package-lock.json -nt "$done" ]; then
	echo "Installing the npm packages of infra/sim/peers"
	npm ci --prefix infra/sim/peers --ignore-scripts --no-audit --no-fund
fi
