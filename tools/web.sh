#!/bin/sh
# Builds the TypeScript client and the web page from their lock file: the page into service/gateway/page, where the
# gateway serves it at /app/. Needs npm; does nothing when nothing changed.
set -eu
cd "$(dirname "$0")/.."

client=clients/typescript
web=clients/web
page=service/gateway/page

if ! command -v npm >/dev/null; then
    echo "error: npm was not found. On Debian and Ubuntu type: sudo apt-get install npm" >&2
    exit 1
fi

sources() {
    find tools/web.sh $client/src $client/*.json $web/src $web/static $web/*.json -type f | LC_ALL=C sort
}
stamp=$(sources | xargs sha256sum | sha256sum | cut -c 1-16)
if [ "$(cat $page/.built 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

echo "Building the web page"
tsc=$client/node_modules/.bin/tsc
[ -x $tsc ] && [ $client/node_modules -nt $client/package-lock.json ] || npm --prefix $client ci --loglevel=error
rm -rf $client/dist $web/build $page
$tsc --project $client
mkdir -p $web/build $page
cp -R $client/dist $web/build/sotto-client
$tsc --project $web
$tsc --project $web/tsconfig.worker.json
cp -R $web/static/. $page
(cd $web/build && find . -name '*.js' | while read -r file; do
    mkdir -p "$OLDPWD/$page/$(dirname "$file")" && cp "$file" "$OLDPWD/$page/$file"
done)

# What the service worker keeps: every file, under a name that changes with their contents.
files=$(cd $page && find . -type f ! -name service_worker.js | LC_ALL=C sort | sed 's/.*/  "&",/; s/"\.\/index.html"/".\/"/')
printf 'self.SHELL = {\n version: "%s",\n files: [\n%s\n ],\n};\n' "$stamp" "$files" >$page/shell.js
echo "$stamp" >$page/.built
