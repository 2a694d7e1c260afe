/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys for tests of the compiler, as they stand between the double quotes of a YAML string: made for them, and of no use
 * elsewhere. Valid from November 2026 for a hundred years. Lifetime: constant. Thread: any. */
#pragma once

/* For shop.test and *.shop.test. */
#define SHOP_CRT \
    "-----BEGIN CERTIFICATE-----\\n" \
    "MIIBozCCAUigAwIBAgIUd5VwvslC89aQFiORmdtHz8gjdi8wCgYIKoZIzj0EAwIw\\n" \
    "FDESMBAGA1UEAwwJc2hvcC50ZXN0MCAXDTI2MTEyMTEyNTUyNVoYDzIxMjYxMDI4\\n" \
    "MTI1NTI1WjAUMRIwEAYDVQQDDAlzaG9wLnRlc3QwWTATBgcqhkjOPQIBBggqhkjO\\n" \
    "PQMBBwNCAASN2gD/4ydpDrQcM+H4QZgjWyYRlP0i9tvL10jJ3pzFii9Av9Jf+cEu\\n" \
    "WO8z9z209zVoxlcfpHbYnN0giBDlhF5No3YwdDAdBgNVHQ4EFgQUKAgS6mctGxl0\\n" \
    "x188p/WVmZ0GmtowHwYDVR0jBBgwFoAUKAgS6mctGxl0x188p/WVmZ0GmtowDwYD\\n" \
    "VR0TAQH/BAUwAwEB/zAhBgNVHREEGjAYgglzaG9wLnRlc3SCCyouc2hvcC50ZXN0\\n" \
    "MAoGCCqGSM49BAMCA0kAMEYCIQCU6/dJablg6HIBf8PPzAfWjNvf08QlsLRL5qvy\\n" \
    "jwDnIAIhAIFp1arCd3V3+mbmrPBKNUDZOaHcqbIUyuL7vGoHieeQ\\n" \
    "-----END CERTIFICATE-----\\n"
#define SHOP_KEY \
    "-----BEGIN PRIVATE KEY-----\\n" \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEQevs7HU/x6EJnhX\\n" \
    "sh9+yGYbzqb7fJFbLMLfTL//gDehRANCAASN2gD/4ydpDrQcM+H4QZgjWyYRlP0i\\n" \
    "9tvL10jJ3pzFii9Av9Jf+cEuWO8z9z209zVoxlcfpHbYnN0giBDlhF5N\\n" \
    "-----END PRIVATE KEY-----\\n"

/* For other.test. */
#define OTHER_CRT \
    "-----BEGIN CERTIFICATE-----\\n" \
    "MIIBlzCCAT6gAwIBAgIUAgPOPC2PxsaweUfZNG6lAsWRXfowCgYIKoZIzj0EAwIw\\n" \
    "FTETMBEGA1UEAwwKb3RoZXIudGVzdDAgFw0yNjExMjExMjU1MjVaGA8yMTI2MTAy\\n" \
    "ODEyNTUyNVowFTETMBEGA1UEAwwKb3RoZXIudGVzdDBZMBMGByqGSM49AgEGCCqG\\n" \
    "SM49AwEHA0IABCr/nLVi1xr66dPGFDFNebf6dFcWNIA5Mp72cAvi4OIc3z9O9/WS\\n" \
    "EEyxpxoQR4QKr41OEryt23xBtr6kfUotX6ijajBoMB0GA1UdDgQWBBTUcIURs8XG\\n" \
    "PaLYQDzEN9JDtAvx7jAfBgNVHSMEGDAWgBTUcIURs8XGPaLYQDzEN9JDtAvx7jAP\\n" \
    "BgNVHRMBAf8EBTADAQH/MBUGA1UdEQQOMAyCCm90aGVyLnRlc3QwCgYIKoZIzj0E\\n" \
    "AwIDRwAwRAIgHzGjQ9zufBRVk7wlkeBVDeUg/9So1V72MvrM5dXLDUUCICs0bx+5\\n" \
    "PIhJb/mXhPpN7LvPF9Epmssbv0lc/otrhmFY\\n" \
    "-----END CERTIFICATE-----\\n"
#define OTHER_KEY \
    "-----BEGIN PRIVATE KEY-----\\n" \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkrsj5jY3USTmKRbC\\n" \
    "HKf4uSU9xbTgkEg6HThyi5wxooOhRANCAAQq/5y1Ytca+unTxhQxTXm3+nRXFjSA\\n" \
    "OTKe9nAL4uDiHN8/Tvf1khBMsacaEEeECq+NThK8rdt8Qba+pH1KLV+o\\n" \
    "-----END PRIVATE KEY-----\\n"
