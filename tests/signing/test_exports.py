import signing


def test_the_public_surface_is_this() -> None:
    exported = {name for name, value in vars(signing).items() if not name.startswith("_") and not _is_module(value)}

    assert exported == {
        "ACTIVE",
        "Active",
        "BATCH_ROOT_PAYLOAD_TYPE",
        "Compromised",
        "Ed25519Suite",
        "EnvelopeError",
        "EnvelopeFault",
        "KeyEntry",
        "KeyFileError",
        "KeyId",
        "KeyState",
        "MAX_ENVELOPE_BYTES",
        "MIN_SEAL_KEY_BITS",
        "MerkleTree",
        "PAE",
        "PrivateKey",
        "PublicKey",
        "RandomSource",
        "Retired",
        "SUITES",
        "SealEntry",
        "SignatureSuite",
        "SignedStatement",
        "Signer",
        "SigningError",
        "StatementId",
        "SuiteError",
        "SuitePolicy",
        "SuiteRule",
        "TimeEvidenceCheck",
        "TrustStore",
        "TrustStoreError",
        "VerificationError",
        "VerificationFailure",
        "VerifiedPayload",
        "Verifier",
        "certificate_digest",
        "decode_batch_root",
        "decode_envelope",
        "encode_batch_root",
        "encode_envelope",
        "inclusion_path",
        "key_id",
        "leaf_hash",
        "node_hash",
        "pae",
        "read_header",
        "root_of",
        "statement_id",
        "suite_of",
        "verify_inclusion",
        "write_key_entry",
        "write_policy",
        "write_seal_entry",
    }


def test_every_error_is_a_signing_error() -> None:
    errors = {value for value in vars(signing).values() if isinstance(value, type) and issubclass(value, Exception)}

    assert len(errors) == 6
    assert all(issubclass(error, signing.SigningError) for error in errors)


def _is_module(value: object) -> bool:
    return type(value).__name__ == "module"
