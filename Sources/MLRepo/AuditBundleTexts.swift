/// What an audit bundle holds so that it is verified without mlrepo.
enum AuditBundleTexts {
    static let guide = #"""
        # How to verify this bundle

        It holds versions of an mlrepo store, with where they came from and who signed them. mlrepo is not needed to verify it.

        1. Nothing of it was changed since it was made:

               sha256sum --check --quiet SHA256SUMS

        2. Who made it (if there is a file SHA256SUMS.sig; put the address for WHO):

               ssh-keygen -Y verify -f allowed_signers -I WHO -n mlrepo.bundle -s SHA256SUMS.sig < SHA256SUMS

           `allowed_signers` lists the keys that were trusted by whoever made the bundle. Compare them with keys that you have by another way:

               ssh-keygen -l -f allowed_signers

        3. Everything else, by some 150 lines of Python that may be read first:

               python3 verify.py                      by the keys in the bundle
               python3 verify.py /path/to/signers     by keys of your own

           It checks that each object has the id that it is named by; that each list in `files/` is what its commit says, so that
           `sha256sum --check /bundle/files/COMMIT.sha256` in a checkout verifies the files themselves; that each entry in `proofs/` is in
           the log whose head is in `head`, with its operation; that each policy in `policies/` was signed by as many roots as the one before and
           itself ask for; and the signatures of commits, tags, notes, entries and of the head, by the keys of the people of the policy that was in force
           then as well. It ends with 1 if anything is not so, and tells what nobody signed or whose key it does not know.

        The formats are those of mlrepo's Documentation/Formats: an object's id is SHA-256 of `KIND LENGTH`, a zero byte and its bytes; a file's is
        SHA-256 of its bytes; the log is that of RFC 9162, its proofs and heads are those of C2SP (tlog-proof, signed-note); signatures are OpenSSH's.

        """#

    static let verifier = #"""
        #!/usr/bin/env python3
        """Verifies an audit bundle of mlrepo: usage: verify.py [SIGNERS]. See VERIFY.md. Needs Python 3.8 and ssh-keygen."""
        import base64, hashlib, json, os, subprocess, sys, tempfile, time
        sys.excepthook = lambda kind, error, trace: print(f"BAD: what is no bundle: {kind.__name__} {error}")
        here = os.path.dirname(os.path.abspath(__file__))
        signers = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(here, "allowed_signers")
        problems, unknown, good, objects = [], [], 0, {}
        def sha(data): return hashlib.sha256(data).digest()
        def read(*names):
            with open(os.path.join(here, *names), "rb") as file: return file.read()
        def names(*where): return sorted(os.listdir(os.path.join(here, *where))) if os.path.isdir(os.path.join(here, *where)) else []
        def canonical(value): return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        def must(holds, what):
            if not holds: problems.append(what)
        def end():
            for line in unknown: print("note:", line)
            for line in problems: print("BAD:", line)
            print(f"{len(objects)} objects, {len(names('files'))} lists of files, {len(names('proofs'))} entries, {good} good signatures, {len(problems)} problems")
            sys.exit(1 if problems else 0)
        def armored(blob):
            text = base64.b64encode(blob).decode()
            lines = [text[at:at + 70] for at in range(0, len(text), 70)]
            return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])
        def is_by(keys, who, space, signature, message, when):
            """Whether one of some keys, as lines of allowed signers, made a signature; without keys, whether it is one."""
            with tempfile.NamedTemporaryFile("w", suffix=".sig") as file, tempfile.NamedTemporaryFile("w") as lines:
                file.write(signature); file.flush(); lines.write(keys or ""); lines.flush()
                date = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(when))
                words = ["check-novalidate"] if keys is None else ["verify", "-f", lines.name, "-I", who, "-O", f"verify-time={date}"]
                return subprocess.run(["ssh-keygen", "-Y", *words, "-n", space, "-s", file.name], input=message, capture_output=True).returncode == 0
        def signed(what, who, space, signature, message, when, people=""):
            """A signature that is the key's, of a key that is trusted for who at that time, counts; another genuine one is told."""
            global good
            if not is_by(None, who, space, signature, message, when): problems.append(f"{what}: the signature is not the key's")
            elif is_by(open(signers).read() + "\n" + people, who, space, signature, message, when): good += 1
            else: unknown.append(f"{what}: signed by {who}, with a key that is not trusted for that")
        # 1. Nothing was added, taken away or changed.
        listed = {}
        for line in read("SHA256SUMS").decode().splitlines():
            must(line[64:66] == "  ", "SHA256SUMS: a line is not of sha256sum's form")
            listed[line[66:]] = line[:64]
        found = {os.path.relpath(os.path.join(top, name), here) for top, _, files in os.walk(here) for name in files}
        must(found - {"SHA256SUMS", "SHA256SUMS.sig"} == set(listed), "the files are not those of SHA256SUMS")
        for name in sorted(found & set(listed)): must(sha(read(name)).hex() == listed[name], f"{name}: changed")
        if problems: end()
        facts = json.loads(read("bundle.json"))
        policies = {int(name.split(".")[0]): json.loads(read("policies", name)) for name in names("policies")}
        people = lambda version: "".join(f"{one['email']} {key}\n" for one in policies.get(version, {"principals": {}})["principals"].values() for key in one["keys"])
        newest_policy = max(policies, default=0)
        if "SHA256SUMS.sig" in found:
            text = read("SHA256SUMS.sig").decode()
            must(text == armored(base64.b64decode("".join(text.splitlines()[1:-1]))), "SHA256SUMS.sig: not of ssh-keygen's form")
            signed("SHA256SUMS", facts["maker"], "mlrepo.bundle", text, read("SHA256SUMS"), facts["time"], people(newest_policy))
        else: unknown.append("SHA256SUMS: nobody signed this bundle")
        # 2. Objects are what they are named by.
        for kind in names("objects"):
            for name in names("objects", kind):
                data = read("objects", kind, name)
                must(sha(f"{kind} {len(data)}\0".encode() + data).hex() == name, f"{kind} {name}: its bytes have another id")
                objects[kind, name] = data
        # 3. Lists of files are those of the commits' trees (Documentation/Formats/merkle-tree.md).
        def number(data, at):
            value = shift = 0
            while True:
                value |= (data[at] & 127) << shift; shift += 7; at += 1
                if data[at - 1] < 128: return value, at
        def walk(node, path, lines):
            data = objects["tree", node]
            level, (count, at) = data[0], number(data, 1)
            for _ in range(count):
                size, at = number(data, at)
                name, at = data[at:at + size], at + size
                mode, at = (4, at) if level else (data[at], at + 1)
                below, at = data[at:at + 32].hex(), at + 32
                for _ in range(3 if level else 2 if mode == 4 else 1): at = number(data, at)[1]
                if level: walk(below, path, lines)
                elif mode == 4: walk(below, path + name + b"/", lines)
                elif mode != 3: lines.append((path + name, below))
        for name in names("files"):
            lines = []
            try: walk(json.loads(objects["commit", name[:-7]])["tree"], b"", lines)
            except (KeyError, IndexError, ValueError) as error: problems.append(f"files/{name}: its tree is not whole ({error!r})")
            text = b""
            for path, digest in lines:
                quoted = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
                text += (b"\\" if quoted != path else b"") + digest.encode() + b"  " + quoted + b"\n"
            must(text == read("files", name), f"files/{name}: not what the commit says")
        # 4. Policies follow each other, each signed by the roots of the one before and by its own.
        ids = {version: sha(read("policies", f"{version}.json")).hex() for version in policies}
        for version in sorted(policies):
            name, policy, before = f"{version}.json", policies[version], policies.get(version - 1)
            data = read("policies", name)
            must(canonical(policy) == data and policy["version"] == version and policy.get("previous") == ids.get(version - 1), f"policies/{name}: it does not follow from the one before")
            for one in [before, policy]:
                signers_of = set()
                for (kind, _), statement in objects.items() if one else ():
                    body = json.loads(json.loads(statement)["body"]) if kind == "statement" else {}
                    if body.get("kind") != "policy" or body["subject"]["id"] != ids[version] or body["origin"] != facts["origin"]: continue
                    for root in one["roots"]["members"]:
                        keys = "".join(f"x@x {key}\n" for key in one["principals"][root]["keys"])
                        if is_by(keys, "x@x", "mlrepo.policy", json.loads(statement)["signature"], json.loads(statement)["body"].encode(), facts["time"]): signers_of.add(root)
                must(not one or len(signers_of) >= one["roots"]["threshold"], f"policies/{name}: too few roots of version {one and one['version']} signed it")
        # 5. Entries are in the log of the head, in their places (RFC 9162, section 2.1.3.2), with their operations.
        head = read("head").decode().partition("\n\n")
        note = head[0].rstrip("\n") + "\n"
        origin, size, root = note.splitlines()
        node = lambda left, right: sha(b"\1" + left + right)
        newest, logged, force = 0, {}, 1 if 1 in policies else 0
        for name in sorted(names("proofs"), key=lambda name: int(name.split(".")[0])):
            lines, _, rest = read("proofs", name).decode().partition("\n\n")
            words = lines.split("\n")
            leaf, index, path = base64.b64decode(words[1][6:]), int(words[2][6:]), [base64.b64decode(word) for word in words[3:]]
            entry = json.loads(leaf)
            must(rest.partition("\n\n")[0].rstrip("\n") + "\n" == note and entry["number"] == index, f"proofs/{name}: of another head or entry")
            place, last, hash, before = index, int(size) - 1, sha(b"\0" + leaf), sha(b"") if index == 0 else None
            for one in path:
                if place & 1 or place == last:
                    hash, before = node(one, hash), node(one, before) if before else one
                    while not place & 1 and place: place, last = place >> 1, last >> 1
                else: hash = node(hash, one)
                place, last = place >> 1, last >> 1
            holds, event = last == 0 and hash == base64.b64decode(root), json.loads(objects.get(("event", entry["event"]), b"{}"))
            must(holds, f"proofs/{name}: the hashes do not lead to the log's root")
            must(event, f"proofs/{name}: its operation is not there")
            if not holds or not event: continue
            # Nothing came before what stands in front of it, whatever it says.
            newest = max(newest, entry["time"])
            for change in event["refs"]:
                if change.get("after", {}).get("kind") == "statement": logged[change["after"]["id"]] = newest, force
                if change["name"].startswith("policies/"): must(ids.get(int(change["name"][9:])) == change["after"]["id"], f"entry {index}: another policy")
            blob = base64.b64decode(entry.pop("signature", ""))
            message = f"{origin}\n{index}\n{base64.b64encode(before).decode()}\n\n".encode() + canonical(entry)
            if blob: signed(f"entry {index}", event["actor"]["email"], "mlrepo.event", armored(blob), message, newest, people(force))
            else: unknown.append(f"entry {index}: nobody signed it")
            for change in event["refs"]:
                if change["name"].startswith("policies/"): force = int(change["name"][9:])
        must(not policies or force == newest_policy, "no entry brought the newest policy")
        # 6. What people say, and who saw the head.
        for (kind, name), data in objects.items():
            if kind != "statement": continue
            body = json.loads(json.loads(data)["body"])
            if name not in logged: unknown.append(f"statement {name[:12]}: no entry here brought it, so that nothing proves its time")
            signed(f"{body['kind']} on {body['subject']['id'][:12]}", body["signer"]["email"], "mlrepo." + body["kind"],
                   json.loads(data)["signature"], json.loads(data)["body"].encode(), *((when, people(by)) for when, by in [logged.get(name, (facts["time"], force))]).__next__())
        for line in head[2].splitlines():
            _, who, text = line.split(" ")
            blob = base64.b64decode(text)[4:]
            when = int.from_bytes(blob[:8], "big")
            signed(f"head of {size} entries", who, "mlrepo.head", armored(blob[8:]), f"cosignature/v1\ntime {when}\n{note}".encode(), when, people(newest_policy))
        end()

        """#
}
