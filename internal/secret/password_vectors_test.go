package secret

// vectorPassword is the password of every vector.
const vectorPassword = "correct horse battery staple"

const flaskSalt = "146585145368132386173505678016728509634"

type vector struct {
	name   string
	scheme Scheme
	text   string
}

// requiredVectors are those of FB-9.
func requiredVectors() []vector {
	return []vector{
		{"bcrypt", SchemeBcrypt, "$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG"},
		{"bcrypt-sha256hex", SchemeBcryptSHA256Hex, "$2b$04$abcdefghijklmnopqrstuuaBT8mpw5tGdD3eO40znWcQP/dT9hEVK"},
		{"fs-hmac-bcrypt", SchemeFSBcrypt.WithSalt(flaskSalt), "$2b$04$abcdefghijklmnopqrstuuR.0tLb3972obTGBUfWZYKfA1tmSOsXu"},
		{"fs-hmac-argon2", SchemeFSArgon2.WithSalt(flaskSalt), "$argon2id$v=19$m=8192,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$mYRINtGrp77CGYectCud1Q"},
		{"fs-hmac-pbkdf2-sha512", SchemeFSPBKDF2.WithSalt(flaskSalt), "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$kQ1ViAVk6/J0c2HwW2jKX8yQ0yIQZlq/wCo/DYCUgJJGpEt0GCyyxmVkhrbLHGMzIea.QYV6D9rAEUKgI3w3EA"},
	}
}

// madeElsewhere were made by the programs they are named for: Werkzeug 3.1, Django 5.2, passlib 1.7 and libxcrypt.
func madeElsewhere() []vector {
	return []vector{
		{"Werkzeug scrypt", SchemeWerkzeug, "scrypt:512:8:1$IFMIHwbAmYN1As4P$06bb668512ea36736a17722856ce14c7f2a73462abb91c9a8de44e5b833e1d2af268a023f5aed2dc20f2caf1a37b74ee635ced1ba549405de3683a809ca94225"},
		{"Werkzeug scrypt, default cost", SchemeWerkzeug, "scrypt:32768:8:1$9EWGEOyMpcCjL80j$d82e829e983cf6f7f8f05dd890fe4ee0c8ee1b213143a75fb3cf94a593fe975f04d23d9f7294e62055f1bb8b8ba71b044c5e9eabf2e47fe4d844b02ce919dc03"},
		{"Werkzeug pbkdf2 sha256", SchemeWerkzeug, "pbkdf2:sha256:1000$uYTLDdKYRXgGY45T$97445e61c5036835bc96d69190194336a053a24e58b12a3b53d1c2e83c7f563b"},
		{"Werkzeug pbkdf2 sha512", SchemeWerkzeug, "pbkdf2:sha512:1000$nlhVKuEBiptwsYTg$a157aa2d1613cfd16ad9a851364198e0245689e108294258327591d9cbcbf52d584aacfdd2ab59a80029c1380dce6284b00dcf84c6000c60b1525834a3d9ead3"},
		{"Django pbkdf2", SchemeDjango, "pbkdf2_sha256$1000$saltsaltsalt$KQDle8SXZRa7sBUZQfkYQI6NXnZxupxhxtm+aXnClyg="},
		{"Django scrypt", SchemeDjango, "scrypt$512$saltsaltsalt$8$1$7T5GL1dW9F0xYK1yTXAF+n2UHbHSqgy/vLFizITlJ0Xw67BSGs0d+nDRssWoEmXbBPAkaJi2I+P26+SvHpc/wg=="},
		{"Django bcrypt_sha256", SchemeDjango, "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuaBT8mpw5tGdD3eO40znWcQP/dT9hEVK"},
		{"Django bcrypt", SchemeDjango, "bcrypt$$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG"},
		{"Django argon2", SchemeDjango, "argon2$argon2i$v=19$m=256,t=1,p=2$8P6f03rv/T9nzPkfQ+jdew$bSzQ0GeRfx27NcKx5gG/J5yD4pj8v3kEcVIM46R0nRY"},
		{"argon2i", SchemeArgon2, "$argon2i$v=19$m=256,t=1,p=2$8P6f03rv/T9nzPkfQ+jdew$bSzQ0GeRfx27NcKx5gG/J5yD4pj8v3kEcVIM46R0nRY"},
		{"bcrypt 2y", SchemeBcrypt, "$2y$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG"},
		{"passlib pbkdf2 sha256", SchemePasslib, "$pbkdf2-sha256$1000$m/M.x5hzLiXEWIuxFgLgHA$jBB/0TPLCULRC13WWuqEl03FVrr0kxAqKgU2pZadUBU"},
		{"passlib pbkdf2 sha1", SchemePasslib, "$pbkdf2$1000$vHdOqbWWEmIMgVBKCYHQ2g$G/zFotxNu3fYwOEohcxWkjJOZho"},
		{"passlib scrypt", SchemePasslib, "$scrypt$ln=8,r=8,p=1$gTAmRAghRMg55/x/L+Wckw$Eqfw8S7kziwF+Ky8MclY8JNzuxjfOe/Yj5ac0uIbJZI"},
		{"sha256-crypt", SchemeCrypt, "$5$rounds=1000$UuSzSgarOyy3TbwB$cVNux6AhXUX9xD4uhfEKL/KsMrCe1h55dTjaUPi2x03"},
		{"sha512-crypt", SchemeCrypt, "$6$rounds=1000$RW1Dp4P6eW5C5Rm6$Ijm5yjEI3TtMZhbbP40hUgSBRIe/0.RmPXlKWJL9Pf4M41Zq.dmalV9y6hGtTxv3lZyrp6Lwu0DOTU/sfDt9m."},
		{"sha512-crypt, default rounds", SchemeCrypt, "$6$Y65QTq1MXhwd0ZZ1$j07DZjY.1.u8IGTvjsdPWpuBUFLBdpIPCzlEJhGSmNhIpPgENfXiHbIfilz9/YDRBTidDysIVtBwdbiBKNjJN."},
		{"yescrypt", SchemeCrypt, "$y$j75$LdJMENpBABJJ3hIHjB1Bi.$qYexDEDfF3m8o.Wvs2FJ6Fnm2ifFSy7DjwT1tvliZsD"},
		{"LDAP SSHA", SchemeLDAP, "{SSHA}ONU8rtz8aJXNwLInOQyoDMYCeGvNGQMA"},
		{"LDAP SSHA256", SchemeLDAP, "{SSHA256}eCasiDlErAASpTHEmpdOLtn/cwye/sS5LiMTg237PkpISYmRkpKy9g=="},
		{"LDAP SSHA512", SchemeLDAP, "{SSHA512}t3MXVZ1AqYyIjnfjPeA073E8drlrGmY9UNFkeG1G2KWmTu8j2qzJvyrwt30vSiqSFhbUC3INuQ1BhhA96HWSH7a2NmYMQQhh"},
		{"LDAP CRYPT", SchemeLDAP, "{CRYPT}$5$rounds=1000$UuSzSgarOyy3TbwB$cVNux6AhXUX9xD4uhfEKL/KsMrCe1h55dTjaUPi2x03"},
	}
}
