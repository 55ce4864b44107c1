// The contract of vectors on pgvector: `npm ci --prefix tools/pgvector && npm test --prefix tools/pgvector`. It takes `psql`
// (Debian's postgresql-client). PostgreSQL is PGlite, in WASM; on any other, set SLUICE_TEST_POSTGRES and run the test itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

const db = await PGlite.create({ extensions: { vector } });
await db.exec('CREATE EXTENSION vector');
const { rows } = await db.query("SELECT version(), extversion FROM pg_extension WHERE extname = 'vector'");
console.log(`${rows[0].version}; pgvector ${rows[0].extversion}`);

const port = Number(process.env.PORT ?? 55432);
const server = new PGLiteSocketServer({ db, port, host: '127.0.0.1', maxConnections: 8 });
await server.start();
const test = spawn('cargo', ['test', '--package', 'sluice-testing', '--test', 'memory', 'postgres_keeps_the_contract'], {
  cwd: fileURLToPath(new URL('../..', import.meta.url)),
  env: { ...process.env, SLUICE_TEST_POSTGRES: `host=127.0.0.1 port=${port} user=postgres` },
  stdio: 'inherit',
});
const [code] = await once(test, 'exit');
await server.stop();
process.exit(code ?? 1);
