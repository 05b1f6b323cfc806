/** The style of a run's page. */
export const reportStyle: string = `
:root{color-scheme:light dark;--paper:#fff;--page:#f4f6f8;--ink:#1b1f24;--soft:#57606a;
--edge:#dfe3e8;--accent:#2f6bd8;--mark:#fff4d6}
@media(prefers-color-scheme:dark){:root{--paper:#14181d;--page:#0c0f13;--ink:#e6edf3;--soft:#9aa4af;
--edge:#2a3138;--accent:#6ea1ff;--mark:#3a2f10}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:860px;margin:0 auto;padding:24px 16px 64px}
header,section,figure{background:var(--paper);border:1px solid var(--edge);border-radius:10px;
padding:20px 24px;margin:0 0 16px}
h1{font-size:17px;margin:0;color:var(--soft);font-weight:600}
h2{font-size:17px;margin:0 0 12px}
.hero{font-size:52px;line-height:1.1;font-weight:700;margin:8px 0 0;color:var(--accent);
font-variant-numeric:tabular-nums}
.under{margin:2px 0 16px}
.under,.note,dt,figcaption{color:var(--soft)}
dl{margin:0;display:grid;gap:10px 24px;grid-template-columns:repeat(auto-fit,minmax(120px,1fr))}
dt{font-size:12.5px}
dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.settings{grid-template-columns:repeat(auto-fill,minmax(235px,1fr));gap:0 24px}
.settings div{display:flex;justify-content:space-between;gap:12px;padding:4px 6px;
border-bottom:1px solid var(--edge)}
.settings dt{font-size:14px}.settings dd{text-align:right}
.settings .changed{background:var(--mark)}.settings .changed dd{font-weight:600}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--edge);white-space:nowrap}
thead th{font-size:12.5px;font-weight:400;color:var(--soft)}
th:first-child{text-align:left;padding-left:0}td:last-child,th:last-child{padding-right:0}
tbody th{font-weight:600}tbody tr:last-child>*{border-bottom:0}
.hash{font-size:12px;text-align:right}
.note{font-size:13px;margin:12px 0 0}
pre{margin:0;padding:12px 14px;border-radius:6px;background:var(--page);white-space:pre-wrap;
overflow-wrap:anywhere}
code{font:13px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace}
.hash code{font-size:11.5px}
.curve{display:block;width:100%;height:auto;min-width:560px}
figure img{display:block;max-width:100%;height:auto;margin:auto}
figure{padding:8px 8px 12px}figcaption{padding:8px 16px 0;font-size:13px;
text-align:center}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
@media(max-width:520px){header,section{padding:16px}.hero{font-size:42px}}
@media print{body{background:none}header,section,figure{break-inside:avoid}}
`.trim();
