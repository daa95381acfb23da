// The low-level SHA-256 calls: EVP's provider start costs over a millisecond per process, which a program that
// must answer `status` in three cannot spend. They are deprecated in OpenSSL 3 and not going away in it.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <openssl/err.h>
// Signatures, once one is checked: that one needs a provider is then no matter.
#include <openssl/evp.h>
#include <openssl/x509.h>
