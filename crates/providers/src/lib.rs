//! Wire formats and the catalogue of providers: bytes in, values out.
