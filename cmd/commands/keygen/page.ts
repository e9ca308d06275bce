/** The page for the safe: the identity as text and as a QR code. */
import encodeQR from "qr";

type PageContent = { readonly identity: string; readonly recipient: string; readonly made: string };

/** Returns HTML. Identities and recipients consist of letters, digits and hyphens. */
export function pageOf({ identity, recipient, made }: PageContent): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Identity of sealed backups</title>
<style>body { font: 12pt serif; margin: 2cm; max-width: 17cm } code { font: 12pt monospace; overflow-wrap: anywhere } svg { width: 8cm; height: 8cm }</style>
<h1>Identity of sealed backups</h1>
<p>Made ${made}. Keep this page where no machine is. Who has it can read the backups; without it, nobody can restore them.</p>
${encodeQR(identity, "svg", { ecc: "quartile" })}
<p><code>${identity}</code></p>
<p>It opens what is sealed for <code>${recipient}</code>.</p>
<p>If backups are signed: keep the lines with the machines' public keys with this page, for <code>--trust</code>. They are no secret.</p>
<p>To restore: put the line that begins with AGE-SECRET-KEY into a file, and run</p>
<p><code>sysbackup restore NAME --bucket BUCKET --identity FILE --target /mnt</code></p>
<p>Without sysbackup: the program age opens each object (<code>age -d -i FILE</code>), and docs/recover.sh restores the files.</p>
</html>
`;
}
