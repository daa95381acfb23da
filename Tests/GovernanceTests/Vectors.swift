/// Keys and signatures that OpenSSH 9.2 made of one message.
///
/// Those of the hardware key were put together by hand, as PROTOCOL.u2f says. `ssh-keygen -Y verify` accepts all of them; that somebody has
/// to touch a key is asked by OpenSSH's servers only.
enum Vectors {
    static let message = Array("what is said\n".utf8)
    static let namespace = "mlrepo.commit"

    static let made: [String: (key: String, signature: String)] = [
        "ed25519": (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPG9OY47lSre0wjKqM071VgaotquBQpgXVqzsF5BuetQ",
            """
            -----BEGIN SSH SIGNATURE-----
            U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg8b05jjuVKt7TCMqozTvVWBqi2q
            4FCmBdWrOwXkG561AAAAANbWxyZXBvLmNvbW1pdAAAAAAAAAAGc2hhNTEyAAAAUwAAAAtz
            c2gtZWQyNTUxOQAAAEAXmAdNFU3c1VfqB3DGwToeFWGzMI8WCiUxZi+AMh9u80QFIsue3B
            jVm0RSjXjQWcZITgMvKKuP2w/3JqYIb9UL
            -----END SSH SIGNATURE-----

            """
        ),
        "p256": (
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHIUbRebXzL56hpQW9QcH1CtbJ21"
                + "6UjkcPxT+Bm+fa0mIeE6Su8TMNO6zU1vYMmvD51WGWhbJi6R0tWM9F5VQbo=",
            """
            -----BEGIN SSH SIGNATURE-----
            U1NIU0lHAAAAAQAAAGgAAAATZWNkc2Etc2hhMi1uaXN0cDI1NgAAAAhuaXN0cDI1NgAAAE
            EEchRtF5tfMvnqGlBb1BwfUK1snbXpSORw/FP4Gb59rSYh4TpK7xMw07rNTW9gya8PnVYZ
            aFsmLpHS1Yz0XlVBugAAAA1tbHJlcG8uY29tbWl0AAAAAAAAAAZzaGE1MTIAAABkAAAAE2
            VjZHNhLXNoYTItbmlzdHAyNTYAAABJAAAAIHk/TcYXZdldfyO55WW4jpUXFCvJTqEq4Xg9
            Mf4fNzhMAAAAIQDf0pEkFUi+kuW5ufgt8Q/GZA7WEjNZ4dOJ/+kgdoJ5KA==
            -----END SSH SIGNATURE-----

            """
        ),
        "p384": (
            "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBKNWgLkm5LuV8d11tfZhJwe8I5TI"
                + "p4NaPGjmIBL+9O2L/fSuD61jqZmGsokt8MOTVKbcZ8ov8qBOVEKeSgBqJosVHuEJMl+MGI0SOV9VyVi8Pg/sZ50NxjFxWgTI0Eqy"
                + "5Q==",
            """
            -----BEGIN SSH SIGNATURE-----
            U1NIU0lHAAAAAQAAAIgAAAATZWNkc2Etc2hhMi1uaXN0cDM4NAAAAAhuaXN0cDM4NAAAAG
            EEo1aAuSbku5Xx3XW19mEnB7wjlMing1o8aOYgEv707Yv99K4PrWOpmYayiS3ww5NUptxn
            yi/yoE5UQp5KAGomixUe4QkyX4wYjRI5X1XJWLw+D+xnnQ3GMXFaBMjQSrLlAAAADW1scm
            Vwby5jb21taXQAAAAAAAAABnNoYTUxMgAAAIMAAAATZWNkc2Etc2hhMi1uaXN0cDM4NAAA
            AGgAAAAwDRkQhQq8sSuosbtxQpnYnsCBTPq5ksmfMqDJElS+dd7OHRSsaqnL8KzQcnBG98
            dFAAAAMGbGkLbPhIQVFCO+xQpi5dgbmxzTRTCvp738YIPw3eVciGx3TTcEvabQ5d3+N+vx
            Ww==
            -----END SSH SIGNATURE-----

            """
        ),
        "p521": (
            "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAE/sbNrsC7yK0OWudvbtg9TCOoO"
                + "Dvpjb/NQld2LsqXwTSstniuUw6L5g5cD4VzpyTl2bF1pJU/BevP6rIThNoE9cwAfgmhpR9cgePSpQOAEXeBSs4qDtDkdyFV50WmL"
                + "IAxnDsB7ctViB/le0rBo2eb1ZU6X/OASoFHNnBHMV+NaoEyh9A==",
            """
            -----BEGIN SSH SIGNATURE-----
            U1NIU0lHAAAAAQAAAKwAAAATZWNkc2Etc2hhMi1uaXN0cDUyMQAAAAhuaXN0cDUyMQAAAI
            UEAT+xs2uwLvIrQ5a529u2D1MI6g4O+mNv81CV3YuypfBNKy2eK5TDovmDlwPhXOnJOXZs
            XWklT8F68/qshOE2gT1zAB+CaGlH1yB49KlA4ARd4FKzioO0OR3IVXnRaYsgDGcOwHty1W
            IH+V7SsGjZ5vVlTpf84BKgUc2cEcxX41qgTKH0AAAADW1scmVwby5jb21taXQAAAAAAAAA
            BnNoYTUxMgAAAKYAAAATZWNkc2Etc2hhMi1uaXN0cDUyMQAAAIsAAABBKUbML0mAHJSXgz
            7Af/qkKvmH1e7Px/aWggGJL8JjpwUm0Z/SSBGBQJmNyCqFlLhqfRk+IxVD3wiiBqEPdxYJ
            LHoAAABCAUz4Of3+u7hgH7ZhDXnnxO1BTan4R6+ob/B4rp2kKJwgOn8K6qw1G6eEqracCr
            mzudcqpHbkioeu2q8E89mhHJjb
            -----END SSH SIGNATURE-----

            """
        ),
        "rsa": (
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDF1pAJ5ahJvu3GYWjVCEvcYamwHHN3d6KaV6LAxxgLuA86+4Q329/YOG+yIDTQ"
                + "uuRewFFl5g99vdCgMal+4MD1zWRI2YpL/pc3KBLYffN+Somc5//rylQdEisR0FP8HjiYycDMWbGurGGwX1t3cFWx7OAce6G5zle6"
                + "haLaiRDmzGAmMV9ENndb1bkO89PpUNN5Y2/TJ9W+GOjWHMIG38G92PsfmJZ5OLdZfYISM2b23YvXNgJQk2rGANTTk0z2ehbXPj3Z"
                + "7YhGIgNvgHbLVaWPkCxf2+IaXXTeDRclRMMiHutCktffiHRgtDOJn+khv39rY2W+S4Jvt+NfdEPimLCx",
            """
            -----BEGIN SSH SIGNATURE-----
            U1NIU0lHAAAAAQAAARcAAAAHc3NoLXJzYQAAAAMBAAEAAAEBAMXWkAnlqEm+7cZhaNUIS9
            xhqbAcc3d3oppXosDHGAu4Dzr7hDfb39g4b7IgNNC65F7AUWXmD3290KAxqX7gwPXNZEjZ
            ikv+lzcoEth9835KiZzn/+vKVB0SKxHQU/weOJjJwMxZsa6sYbBfW3dwVbHs4Bx7obnOV7
            qFotqJEObMYCYxX0Q2d1vVuQ7z0+lQ03ljb9Mn1b4Y6NYcwgbfwb3Y+x+Ylnk4t1l9ghIz
            Zvbdi9c2AlCTasYA1NOTTPZ6Ftc+PdntiEYiA2+AdstVpY+QLF/b4hpddN4NFyVEwyIe60
            KS19+IdGC0M4mf6SG/f2tjZb5Lgm+34190Q+KYsLEAAAANbWxyZXBvLmNvbW1pdAAAAAAA
            AAAGc2hhNTEyAAABFAAAAAxyc2Etc2hhMi01MTIAAAEArB5fS+0pEsjtvjtBD94npR6vdO
            vqJyqCwxyiSbMyKM4l88CfZtj5WPSqXgYU+VO1e6C5sSwOMkcPkYyOl8/6aNZ7yxOdJ9uk
            XNkDrbersfyp7vbjL41KTlHeS1l+V3RLaJ4N4uvz52sGTWVUuk6EXrnb+rnJt3WXDSE3c9
            kOjqgYV1VL3SiuwA5PlG88quR2/TD65cCxzdECOpgnB8jvkR1dpqRmbiZtR9wQ8RcuBCcg
            tfoLTdkumEYC4N1GMQ1h0h4uafrZYSEbcEo30DMCP9OrHj49SDnapSN87m6nRfXlxlrzBr
            4aWhqW3cnctOTlcg8aGnZmRn3fStM6K8CHvA==
            -----END SSH SIGNATURE-----

            """
        ),
        "ca": (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHqs1rejjYGAID1Ae/bOd5cRCC1LECL+KzKWuUGlg6+u",
            """
            -----BEGIN SSH SIGNATURE-----
            U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgeqzWt6ONgYAgPUB79s53lxEILU
            sQIv4rMpa5QaWDr64AAAANbWxyZXBvLmNvbW1pdAAAAAAAAAAGc2hhNTEyAAAAUwAAAAtz
            c2gtZWQyNTUxOQAAAECYtgcjuNMOv+mP+fF43Y9fWes0WL5ZcfpqtN68aIx5eAHquFaVPH
            Y/inSx0MwTKaXiMG6ECfIjs8MGRKb0Td0P
            -----END SSH SIGNATURE-----

            """
        ),
        "certificate": (
            "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAID0ukJ7T6XX/yEK"
                + "k00Z2BaIwiVronQUmY+nYwG8S5bMPAAAAIPG9OY47lSre0wjKqM071VgaotquBQpgXVqzsF5BuetQAAAAAAAAAAAAAAABAAAAA2F"
                + "kYQAAABMAAAAPYWRhQGV4YW1wbGUuY29tAAAAAGlVuQAAAAAAazbsgAAAAAAAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwA"
                + "AAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1"
                + "wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIHqs1rejjYGAID1Ae/bOd5cRCC1"
                + "LECL+KzKWuUGlg6+uAAAAUwAAAAtzc2gtZWQyNTUxOQAAAED9rozF18snIkeO9S/I12xupfjupsxxox4C3Sfh2fnUVkJt5OaZtt0"
                + "F9iRlzYG6C73hTgqo2a5/ko01/Iaqe3sL",
            """
            -----BEGIN SSH SIGNATURE-----
            U1NIU0lHAAAAAQAAAcIAAAAgc3NoLWVkMjU1MTktY2VydC12MDFAb3BlbnNzaC5jb20AAA
            AgPS6QntPpdf/IQqTTRnYFojCJWuidBSZj6djAbxLlsw8AAAAg8b05jjuVKt7TCMqozTvV
            WBqi2q4FCmBdWrOwXkG561AAAAAAAAAAAAAAAAEAAAADYWRhAAAAEwAAAA9hZGFAZXhhbX
            BsZS5jb20AAAAAaVW5AAAAAABrNuyAAAAAAAAAAIIAAAAVcGVybWl0LVgxMS1mb3J3YXJk
            aW5nAAAAAAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcn
            QtZm9yd2FyZGluZwAAAAAAAAAKcGVybWl0LXB0eQAAAAAAAAAOcGVybWl0LXVzZXItcmMA
            AAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgeqzWt6ONgYAgPUB79s53lxEILUsQIv
            4rMpa5QaWDr64AAABTAAAAC3NzaC1lZDI1NTE5AAAAQP2ujMXXyyciR471L8jXbG6l+O6m
            zHGjHgLdJ+HZ+dRWQm3k5pm23QX2JGXNgboLveFOCqjZrn+SjTX8hqp7ewsAAAANbWxyZX
            BvLmNvbW1pdAAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUxOQAAAEAXmAdNFU3c
            1VfqB3DGwToeFWGzMI8WCiUxZi+AMh9u80QFIsue3BjVm0RSjXjQWcZITgMvKKuP2w/3Jq
            YIb9UL
            -----END SSH SIGNATURE-----

            """
        ),
        "hardware": (
            "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIOrZo9O83mr5cCaG3CuNhPU0zPlVF"
                + "a3eUqFSMCeockS+AAAABHNzaDo=",
            """
            -----BEGIN SSH SIGNATURE-----
            U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAg6tmj07
            zeavlwJobcK42E9TTM+VUVrd5SoVIwJ6hyRL4AAAAEc3NoOgAAAA1tbHJlcG8uY29tbWl0
            AAAAAAAAAAZzaGE1MTIAAABnAAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAQK
            tt21m8rKuK8Pdr5Exhx4rdcrTXdcYdn8XzCJK09ZBete+tIxwLTeeHvVMudzyor2OkgAG9
            uC1m0E9gQZUH2woBAAAABw==
            -----END SSH SIGNATURE-----

            """
        ),
        "hardwareUntouched": (
            "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIOrZo9O83mr5cCaG3CuNhPU0zPlVF"
                + "a3eUqFSMCeockS+AAAABHNzaDo=",
            """
            -----BEGIN SSH SIGNATURE-----
            U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAg6tmj07
            zeavlwJobcK42E9TTM+VUVrd5SoVIwJ6hyRL4AAAAEc3NoOgAAAA1tbHJlcG8uY29tbWl0
            AAAAAAAAAAZzaGE1MTIAAABnAAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAQI
            ud/jcremo2GuBcjXXVlgOnDAGKfbuYrsYa0AKp6S/1iFsUsS6QNvQQdOD8QKnsiy+DJmEE
            b4DZFhHOBLcsvwwAAAAABw==
            -----END SSH SIGNATURE-----

            """
        ),
    ]
}
