"""A discovery plugin of muster in Python: the strategy hello-python.

It answers with the addresses in a file, host:port or name@host:port, one a
line, and watches it. What the Go kit does for its plugins is here too, so this
file is all that the contract (discovery/proto/v1/discovery.proto) asks of one.
Another strategy would differ in the first half only, down to class Plugin.
"""
import asyncio, base64, datetime, functools, hashlib, ipaddress, json, os, re, signal, stat, sys, threading, time

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf import any_pb2

import discovery_pb2 as pb

NAME, VERSION = "hello-python", "1.0.0"
MAX_FILE = 1 << 18  # bytes; what it makes of an answer is well below the 4 MiB that a host takes
MAX_CANDIDATES, MAX_WARNINGS = 10_000, 64  # of one answer, says the contract
LOOK_EVERY, HEARTBEAT_EVERY = 0.5, 10.0  # seconds, of a watch
SCHEMA = b'{"type": "object", "required": ["file"], "additionalProperties": false, "properties": {"file": {"type": "string"}}}'
ADDRESS = re.compile(r"(?:([\w.~-]{1,64})@)?(?:\[([0-9a-fA-F:.]+)\]|([\w.-]{1,253})):(\d{1,5})", re.ASCII)
INFO = pb.GetInfoResponse(name=NAME, version=VERSION, capabilities=[pb.CAPABILITY_WATCH], config_schema=SCHEMA)


class Failure(Exception):
    """A failure with its class, by which the host acts."""

    def __init__(self, kind, reason, path=""):
        self.kind, self.reason, self.path = kind, *("".join(c if c.isprintable() else " " for c in text)[:250] for text in (reason, path))


def check(raw):
    """Returns the configuration, or says where it is wrong."""
    try:
        config = json.loads(raw or b"{}")
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise Failure(pb.ERROR_CLASS_INVALID_CONFIG, "not a JSON object")
    for key in sorted(config.keys() - {"file"}):
        raise Failure(pb.ERROR_CLASS_INVALID_CONFIG, "unknown key", path=key)
    file = config.get("file")
    if not isinstance(file, str) or not os.path.isabs(file) or not file.isprintable():
        raise Failure(pb.ERROR_CLASS_INVALID_CONFIG, "want the absolute path of a file of addresses", path="file")
    return config


def read(file):
    """Returns the bytes of the file. It runs in a thread, as a network file system may hang."""
    try:
        with open(file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as f:  # no wait for a pipe's writer
            text, mode = f.read(MAX_FILE + 1), os.fstat(f.fileno()).st_mode
    except OSError as err:
        kinds = {FileNotFoundError: pb.ERROR_CLASS_SOURCE_NOT_FOUND, PermissionError: pb.ERROR_CLASS_AUTH}
        raise Failure(kinds.get(type(err), pb.ERROR_CLASS_BACKEND_UNAVAILABLE), str(err))
    if not stat.S_ISREG(mode) or len(text) > MAX_FILE:
        raise Failure(pb.ERROR_CLASS_BACKEND_UNAVAILABLE, f"{file} is not a regular file of at most {MAX_FILE} bytes")
    return text


def parse(line):
    """Makes a candidate of one line; raises ValueError."""
    match = ADDRESS.fullmatch(line)
    if not match or len(line) > 255 or not 0 < int(match[4]) < 65536:
        raise ValueError
    host = match[2] or match[3].lower()
    if match[2] or not host.strip("0123456789."):
        address = ipaddress.ip_address(host)
        host = str(getattr(address, "ipv4_mapped", None) or address)  # one text for one address
    return pb.Candidate(endpoints=[pb.Endpoint(host=host, port=int(match[4]))], claimed_name=f"{match[1]}@{host}" if match[1] else "")


@functools.lru_cache(maxsize=1)  # a watch looks often at what seldom changes
def answer(text):
    """Makes an answer of the file. A line that is no address is a warning, and does not take the others with it."""
    found, warnings = {}, []
    for number, line in enumerate(text.decode(errors="replace").split("\n"), 1):
        line = line.split("#")[0].strip()
        try:
            if line:
                new = parse(line)
                old = found.setdefault(new.endpoints[0].SerializeToString(), new)  # no endpoint twice
                old.claimed_name = old.claimed_name or new.claimed_name
        except ValueError:
            warnings.append(f"line {number}: {line[:80]!a} is no address")
    if warnings and not found:  # whatever this file is, it does not say that there are no nodes
        raise Failure(pb.ERROR_CLASS_BACKEND_UNAVAILABLE, f"there is no address in the file; {warnings[0]}")
    return pb.DiscoverResponse(candidates=list(found.values())[:MAX_CANDIDATES], truncated=len(found) > MAX_CANDIDATES,
                               warnings=warnings[:MAX_WARNINGS], completeness=pb.COMPLETENESS_PARTIAL,
                               source_revision=hashlib.sha256(text).hexdigest()[:16])


class Plugin:
    """The calls of the contract, by their names; the others are answered with UNSUPPORTED."""
    file, health = None, pb.HealthResponse()

    async def GetInfo(self, _):
        return INFO

    async def Configure(self, request):
        config = check(request.config)  # all of it, before anything is changed
        self.file, self.health = config["file"], pb.HealthResponse()
        return pb.ConfigureResponse(normal_form=json.dumps(config).encode())

    async def Discover(self, _):
        if self.file is None:
            raise Failure(pb.ERROR_CLASS_PLUGIN_INTERNAL, "not configured")
        try:
            out = await asyncio.to_thread(lambda file: answer(read(file)), self.file)
        except Failure as err:
            self.health.backend, self.health.last_error_class, self.health.last_error = pb.BACKEND_STATE_DOWN, err.kind, err.reason
            self.health.last_error_at.GetCurrentTime()
            raise
        self.health.backend = pb.BACKEND_STATE_DEGRADED if out.warnings else pb.BACKEND_STATE_OK
        out.observed_at.GetCurrentTime()
        self.health.last_ok_at.GetCurrentTime()
        self.health.notes[:] = out.warnings
        return out

    async def Watch(self, _):
        """A snapshot at first and after each change, and a heartbeat into each silence."""
        seen, spoke = None, 0.0
        while True:
            now = await self.Discover(None)
            changed = now.source_revision != seen
            if changed or time.monotonic() - spoke >= HEARTBEAT_EVERY:
                seen, spoke, what = now.source_revision, time.monotonic(), {"snapshot": now} if changed else {"heartbeat": pb.Heartbeat()}
                yield pb.WatchResponse(resume=seen, **what)
            await asyncio.sleep(LOOK_EVERY)

    async def Health(self, _):
        return self.health

    async def Shutdown(self, _):  # there is nothing to put in order; the host ends the process
        return pb.ShutdownResponse()


# From here on: what every plugin needs, whatever its strategy. The gRPC codes of the error classes, by the numbers of these.
CODES = [grpc.StatusCode[name] for name in (
    "UNKNOWN INVALID_ARGUMENT PERMISSION_DENIED UNAVAILABLE DEADLINE_EXCEEDED RESOURCE_EXHAUSTED "
    "NOT_FOUND ALREADY_EXISTS FAILED_PRECONDITION UNIMPLEMENTED INTERNAL").split()]


def field(number, data):
    """A field in protobuf's encoding, its length in two bytes: less than 16 KiB."""
    return bytes([number << 3 | 2, len(data) & 127 | 128, len(data) >> 7]) + data


async def fail(context, err):
    """Ends a call with the code of the error's class and an ErrorDetail, in a google.rpc.Status made by hand."""
    if not isinstance(err, Failure):
        print(json.dumps({"@level": "error", "@message": f"the plugin has a fault: {err!r}"}), file=sys.stderr, flush=True)
        err = Failure(pb.ERROR_CLASS_PLUGIN_INTERNAL, repr(err))
    code, detail = CODES[err.kind], any_pb2.Any()
    detail.Pack(pb.ErrorDetail(**{"class": err.kind, "reason": err.reason, "path": err.path}))
    status = bytes([1 << 3, code.value[0]]) + field(2, err.reason.encode()) + field(3, detail.SerializeToString())
    await context.abort(code, err.reason, (("grpc-status-details-bin", status),))


def handler(plugin, method):
    """Serves one call of the contract. What cancels a call is no Exception, and passes."""
    call = getattr(plugin, method.name, None)

    async def unary(request, context):
        try:
            if call is None:
                raise Failure(pb.ERROR_CLASS_UNSUPPORTED, f"{NAME} does not offer {method.name}")
            return await call(request)
        except Exception as err:
            await fail(context, err)

    async def stream(request, context):
        try:
            async for event in call(request):
                yield event
        except Exception as err:
            await fail(context, err)

    codec = getattr(pb, method.input_type.name).FromString, getattr(pb, method.output_type.name).SerializeToString
    return grpc.unary_stream_rpc_method_handler(stream, *codec) if call and method.name == "Watch" else grpc.unary_unary_rpc_method_handler(unary, *codec)


def services(plugin, stop):
    """The contract, and the two services that go-plugin asks of every plugin: a health check and an end."""
    async def check_health(_, __):
        return b"\x08\x01"  # HealthCheckResponse: SERVING

    async def shutdown(_, __):
        stop.set()
        return b""

    contract = {m.name: handler(plugin, m) for m in pb.DESCRIPTOR.services_by_name["Discovery"].methods}
    return [grpc.method_handlers_generic_handler(*service) for service in (
        ("muster.discovery.v1.Discovery", contract),
        ("grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check_health)}),
        ("plugin.GRPCController", {"Shutdown": grpc.unary_unary_rpc_method_handler(shutdown)}))]


def certificate():
    """A key and a self-signed certificate for the life of this process."""
    key, name = generate_private_key(SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    return key, (x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
                 .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=36500))
                 .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
                 .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, SHA256()))


def die_with_host():
    """Ends the process and its children when the pipe on descriptor 3 does: then the host is dead."""
    def wait():
        try:
            while os.read(3, 4096):
                pass
        finally:
            if os.getpgrp() == os.getpid():
                os.killpg(0, signal.SIGKILL)
            os._exit(1)

    if not stat.S_ISFIFO(os.fstat(3).st_mode):
        sys.exit("descriptor 3 is no pipe: this plugin would outlive its host")
    threading.Thread(target=wait, daemon=True).start()


async def serve(handshake):
    stop, server = asyncio.Event(), grpc.aio.server()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server.add_generic_rpc_handlers(services(Plugin(), stop))
    key, cert = certificate()
    pair = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), cert.public_bytes(Encoding.PEM)
    socket = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR", "/tmp"), f"plugin{os.getpid()}")
    server.add_secure_port("unix:" + socket, grpc.ssl_server_credentials(
        [pair], root_certificates=os.environ["PLUGIN_CLIENT_CERT"].encode(), require_client_auth=True))
    await server.start()
    print(f"1|1|unix|{socket}|grpc|" + base64.b64encode(cert.public_bytes(Encoding.DER)).decode().rstrip("="), file=handshake, flush=True)
    await stop.wait()
    await server.stop(0.2)


if __name__ == "__main__":
    if os.environ.get("MUSTER_DISCOVERY_PLUGIN") != "2b1c7a54-9d0e-4f8a-bb0c-6f0f5f3a7c11":
        sys.exit(f"{NAME} {VERSION} is a discovery plugin of muster: a node starts it by itself, there is nothing to run by hand.")
    stdout = os.fdopen(os.dup(1), "w")  # for the handshake; from here on whatever is printed goes to standard error
    os.dup2(2, 1)
    die_with_host()
    asyncio.run(serve(stdout))
