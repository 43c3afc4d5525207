// Stand-in of a province's identity provider (统一身份认证): OpenID Connect by oidc-provider, a login page, test users.
//
//     node server.mjs CONFIG.json
//
// - Listens on loopback only, and says on standard output `{"issuer": "http://127.0.0.1:PORT"}` once it does.
// - Ends when its standard input does: it does not outlive whoever started it.
// - Signing keys are made at the start and kept in memory, like everything else.
// - Names of people are shown to nobody but themselves, on its own pages, and to a client that asks for the scope `profile`.
// - /admin is for tests: it takes the token of the configuration and nothing else.
//
// Configuration: port, admin_token, clients, programs, audiences, users. sandbox/identity_provider.py writes it.

import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import * as http from 'node:http';

import { errors, Provider } from 'oidc-provider';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';

const HOST = '127.0.0.1';
const MAX_BODY = 16 * 1024;
const KEYS_ALG = 'ES256';

const WAYS = {
  password: { acr: 'urn:huren:acr:password', amr: ['pwd'], words: '口令' },
  real_name: { acr: 'urn:huren:acr:real-name', amr: ['face'], words: '实名核验' },
  certificate: { acr: 'urn:huren:acr:certificate', amr: ['hwk'], words: '法人一证通证书' },
  licence: { acr: 'urn:huren:acr:licence', amr: ['swk'], words: '电子营业执照' },
};

const CLIENT_CLAIMS = ['huren_represents', 'huren_staff'];

// --- Configuration ------------------------------------------------------------------------------------------------------------------

const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const users = new Map(config.users.map((user) => [user.login, { ...user, sub: subjectOf(user.login) }]));
const accounts = new Map([...users.values()].map((user) => [user.sub, user]));
const programs = new Map(config.programs.map((program) => [program.client_id, program]));
const audiences = new Set(config.audiences);
const clients = new Map();

// The identifier that clients see tells nothing about the person.
function subjectOf(login) {
  return crypto.createHash('sha256').update(`huren sandbox identity\0${login}`).digest('base64url');
}

function keepClient(client) {
  clients.set(client.client_id, {
    client_id: client.client_id,
    client_secret: client.client_secret,
    redirect_uris: client.redirect_uris,
    post_logout_redirect_uris: client.post_logout_redirect_uris ?? [],
    ...(client.backchannel_logout_uri && {
      backchannel_logout_uri: client.backchannel_logout_uri,
      backchannel_logout_session_required: true,
    }),
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: KEYS_ALG,
  });
}

function keepProgram(program) {
  clients.set(program.client_id, {
    client_id: program.client_id,
    client_secret: program.client_secret,
    redirect_uris: [],
    grant_types: ['client_credentials'],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: KEYS_ALG,
  });
}

config.clients.forEach(keepClient);
config.programs.forEach(keepProgram);

const inMemory = createMemoryAdapter();

function adapter(model) {
  return model === 'Client' ? { find: async (id) => clients.get(id) } : inMemory(model);
}

// --- Provider -----------------------------------------------------------------------------------------------------------------------

const cookieKeys = [crypto.randomBytes(32).toString('base64url')];

function newKey() {
  return { ...crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), use: 'sig', alg: KEYS_ALG };
}

async function findAccount(_ctx, sub) {
  const user = accounts.get(sub);
  return user && {
    accountId: sub,
    claims: async () => ({
      sub,
      name: user.name,
      ...(user.represents?.length && { huren_represents: user.represents }),
      ...(user.staff && { huren_staff: user.staff }),
    }),
  };
}

// Consent belongs to clients of strangers; these are the province's own.
async function loadExistingGrant(ctx) {
  const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
  grant.addOIDCScope([...ctx.oidc.requestParamOIDCScopes].join(' '));
  grant.addOIDCClaims(CLIENT_CLAIMS);
  await grant.save();
  return grant;
}

async function resourceServer(_ctx, resource, client) {
  if (!audiences.has(resource) || !programs.has(client.clientId)) throw new errors.InvalidTarget();
  return { audience: resource, scope: '', accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: KEYS_ALG } } };
}

async function extraTokenClaims(_ctx, token) {
  const program = token.kind === 'ClientCredentials' ? programs.get(token.clientId) : undefined;
  return program && { huren_enterprise: program.enterprise, acr: program.acr };
}

function newProvider(issuer, keys) {
  const provider = new Provider(issuer, {
    adapter,
    jwks: { keys },
    cookies: { keys: cookieKeys, names: { session: 'idp_session', interaction: 'idp_interaction', resume: 'idp_resume' } },
    acrValues: Object.values(WAYS).map((way) => way.acr),
    claims: {
      acr: null, sid: null, auth_time: null, iss: null, openid: ['sub'], profile: ['name'],
      ...Object.fromEntries(CLIENT_CLAIMS.map((claim) => [claim, null])),
    },
    scopes: ['openid'],
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_basic'],
    enabledJWA: { idTokenSigningAlgValues: [KEYS_ALG] },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => undefined,
        getResourceServerInfo: resourceServer,
        useGrantedResource: async () => false,
      },
      rpInitiatedLogout: { enabled: true, logoutSource: logOutPage, postLogoutSuccessSource: loggedOutPage },
    },
    extraTokenClaims,
    findAccount,
    loadExistingGrant,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError: errorPage,
    ttl: {
      AccessToken: 600, AuthorizationCode: 60, ClientCredentials: 600, Grant: 3600, IdToken: 300, Interaction: 600, Session: 3600,
    },
    // The library's own refuses loopback addresses, which is where everything is here.
    fetch: (url, { dispatcher: _, ...options }) => globalThis.fetch(url, options),
  });
  provider.on('server_error', (_ctx, error) => process.stderr.write(`${error.stack}\n`));
  return provider;
}

// --- Pages --------------------------------------------------------------------------------------------------------------------------

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(title, body) {
  return `<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>${escaped(title)}</title></head>
<body><h1>${escaped(title)}</h1>${body}<p>演示环境，仅供测试。</p></body></html>
`;
}

function logInPage(uid, problem = '') {
  const ways = Object.entries(WAYS).map(([way, { words }], index) => (
    `<label><input type="radio" name="way" value="${way}"${index ? '' : ' checked'}>${words}</label>`)).join('\n');
  return page('统一身份认证（演示）', `
${problem && `<p role="alert">${escaped(problem)}</p>`}
<form method="post" action="/interaction/${escaped(uid)}">
<fieldset><legend>登录方式</legend>${ways}</fieldset>
<label>账号<input name="login" autocomplete="username" required></label>
<label>口令<input name="password" type="password" autocomplete="current-password" required></label>
<button type="submit">登录</button>
</form>`);
}

async function logOutPage(ctx, form) {
  const user = accounts.get(ctx.oidc.session.accountId);
  const button = '<button type="submit" form="op.logoutForm" name="logout" value="yes">退出</button>';
  ctx.body = page('退出登录', `<p>${escaped(user?.name ?? '')}，是否退出统一身份认证？</p>${form}${button}`);
}

async function loggedOutPage(ctx) {
  ctx.body = page('已退出', '<p>您已退出统一身份认证。</p>');
}

async function errorPage(ctx, out) {
  ctx.type = 'html';
  ctx.body = page('未能办理', `<p>${escaped(out.error)}</p>`);
}

// --- Server -------------------------------------------------------------------------------------------------------------------------

async function body(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_BODY) throw new Error('the body is too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function answer(response, status, type, content) {
  response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
  response.end(content);
}

function same(one, other) {
  const [a, b] = [one, other].map((text) => crypto.createHash('sha256').update(text).digest());
  return crypto.timingSafeEqual(a, b);
}

async function interact(provider, request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') return answer(response, 200, 'text/html', logInPage(details.uid));
  const given = new URLSearchParams(await body(request));
  const user = users.get(given.get('login'));
  const way = Object.hasOwn(WAYS, given.get('way')) ? given.get('way') : undefined;
  const known = same(given.get('password') ?? '', user?.password ?? crypto.randomUUID());
  if (!user || !known || !user.ways.includes(way)) {
    return answer(response, 401, 'text/html', logInPage(details.uid, '账号、口令或者登录方式不符，请核对后重试。'));
  }
  const { acr, amr } = WAYS[way];
  return provider.interactionFinished(request, response, { login: { accountId: user.sub, acr, amr, remember: false } });
}

async function administer(state, request, response) {
  if (!same(request.headers.authorization ?? '', `Bearer ${config.admin_token}`)) return answer(response, 401, 'text/plain', '');
  const text = await body(request);
  switch (`${request.method} ${request.url}`) {
    case 'POST /admin/clients': // A client that came up later, by its addresses.
      keepClient(JSON.parse(text));
      break;
    case 'POST /admin/rotate': // The keys until now sign nothing any more and are not published any more.
      state.provider = newProvider(state.issuer, [newKey()]);
      state.handle = state.provider.callback();
      break;
    default:
      return answer(response, 404, 'text/plain', '');
  }
  return answer(response, 204, 'text/plain', '');
}

const state = {};

const server = http.createServer((request, response) => {
  const serve = async () => {
    if (request.url.startsWith('/interaction/')) return interact(state.provider, request, response);
    if (request.url.startsWith('/admin/')) return administer(state, request, response);
    return state.handle(request, response);
  };
  serve().catch((error) => {
    if (!(error instanceof errors.SessionNotFound)) process.stderr.write(`${error.stack}\n`);
    if (!response.headersSent) answer(response, 400, 'text/html', page('未能办理', '<p>请返回原网站，重新登录。</p>'));
  });
});

server.listen(config.port, HOST, () => {
  state.issuer = `http://${HOST}:${server.address().port}`;
  state.provider = newProvider(state.issuer, [newKey()]);
  state.handle = state.provider.callback();
  process.stdout.write(`${JSON.stringify({ issuer: state.issuer })}\n`);
});
server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
});
process.stdin.on('end', () => process.exit(0)).resume();
