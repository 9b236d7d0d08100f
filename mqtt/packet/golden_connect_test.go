package packet

var goldenConnect = []golden{
	{client311, "10 0c 0004'MQTT' 04 02 003c 0000",
		Connect{Version: 4, CleanStart: true, KeepAlive: 60, ReceiveMaximum: 65535, RequestProblem: true}},
	{client311, "10 0d 0004'MQTT' 04 00 0000 0001'a'",
		Connect{Version: 4, ClientID: "a", SessionExpiry: forever, ReceiveMaximum: 65535, RequestProblem: true}},
	{client311, "10 10 0004'MQTT' 04 82 0000 0000 0002'me'",
		Connect{Version: 4, CleanStart: true, Username: text("me"), ReceiveMaximum: 65535, RequestProblem: true}},
	// A byte order mark and control characters are text [MQTT-1.5.3-3].
	{client311, "10 10 0004'MQTT' 04 02 0000 0004 efbbbf 01",
		Connect{Version: 4, CleanStart: true, ClientID: "\ufeff\x01", ReceiveMaximum: 65535, RequestProblem: true}},

	{client5, "10 0d 0004'MQTT' 05 02 003c 00 0000",
		Connect{Version: 5, CleanStart: true, KeepAlive: 60, ReceiveMaximum: 65535, RequestProblem: true}},
	// An empty client ID is one to be assigned, with either clean start [5.0 MQTT-3.1.3-6].
	{client5, "10 0d 0004'MQTT' 05 00 0000 00 0000",
		Connect{Version: 5, ReceiveMaximum: 65535, RequestProblem: true}},
	// A password without a user name [5.0 MQTT 3.1.2.9].
	{client5, "10 11 0004'MQTT' 05 42 0000 00 0000 0002'pw'",
		Connect{Version: 5, CleanStart: true, Password: []byte("pw"), ReceiveMaximum: 65535, RequestProblem: true}},
	{client5, "10 3a 0004'MQTT' 05 00 000a 2c" +
		"11 00000e10 21 0014 27 00001000 22 0005 19 01 17 00 15 0003'otp' 16 0002 00ff 26 0001'k'0001'v' 26 0001'k'0000" +
		"0001'a'",
		Connect{Version: 5, KeepAlive: 10, ClientID: "a", SessionExpiry: 3600, ReceiveMaximum: 20, MaximumPacketSize: 4096,
			TopicAliasMaximum: 5, RequestResponse: true, AuthMethod: text("otp"), AuthData: []byte{0, 255},
			UserProperties: append(user("k", "v"), user("k", "")...)}},
	{client5, "10 15 0004'MQTT' 05 02 0000 05 11 ffffffff 0003'abc'",
		Connect{Version: 5, CleanStart: true, ClientID: "abc", SessionExpiry: forever, ReceiveMaximum: 65535, RequestProblem: true}},
}

var goldenWill = []golden{
	{client311, "10 22 0004'MQTT' 04 ee ffff 0002'id' 0003'w/t' 0002'by' 0004'user' 0003'abc'",
		Connect{Version: 4, CleanStart: true, KeepAlive: 65535, ClientID: "id", Username: text("user"), ReceiveMaximum: 65535,
			RequestProblem: true, Password: []byte("abc"), Will: &Will{Topic: "w/t", Payload: []byte("by"), QoS: 1, Retain: true}}},
	{client5, "10 13 0004'MQTT' 05 16 0000 00 0000 00 0001'w' 0000",
		Connect{Version: 5, CleanStart: true, ReceiveMaximum: 65535, RequestProblem: true,
			Will: &Will{Topic: "w", Payload: []byte{}, QoS: 2}}},
	{client5, "10 3b 0004'MQTT' 05 06 0000 00 0000" +
		"23 18 0000003c 02 0000000a 01 01 03 0002'ct' 08 0003'r/t' 09 0002 0102 26 0001'a'0001'b'" +
		"0001'w' 0005'hello'",
		Connect{Version: 5, CleanStart: true, ReceiveMaximum: 65535, RequestProblem: true,
			Will: &Will{Topic: "w", Payload: []byte("hello"), Delay: 60, Expiry: 10, HasExpiry: true,
				Properties: Properties{PayloadFormat: 1, ContentType: "ct", ResponseTopic: "r/t", CorrelationData: []byte{1, 2},
					User: []UserProperty{{"a", "b"}}}.Append(nil)}}},
}

var goldenConnack = []golden{
	{server311, "20 02 00 00", Connack{Version: 4}},
	{server311, "20 02 01 00", Connack{Version: 4, SessionPresent: true}},
	{server311, "20 02 00 01", Connack{Version: 4, Code: RefusedVersion}},
	{server311, "20 02 00 05", Connack{Version: 4, Code: RefusedUnauthorized}},

	{server5, "20 03 00 00 00", Connack{Version: 5}},
	{server5, "20 03 01 00 00", Connack{Version: 5, SessionPresent: true}},
	{server5, "20 03 00 84 00", Connack{Version: 5, Code: byte(UnsupportedProtocolVersion)}},
	{server5, "20 4e 00 00 4b" +
		"11 00000e10 21 0014 24 01 27 00100000 22 000a 13 003c 25 01 28 00 29 01 2a 00" +
		"12 0004'auto' 1a 0002'ri' 1c 0002'sr' 1f 0002'ok' 15 0001'm' 16 0001'd' 26 0001'k' 0002'v1' 26 0001'k' 0002'v2'",
		Connack{Version: 5, SessionExpiry: ptr[uint32](3600), ReceiveMaximum: 20, MaximumQoS: ptr[byte](1), MaximumPacketSize: 1 << 20,
			TopicAliasMaximum: 10, ServerKeepAlive: ptr[uint16](60), RetainAvailable: ptr(true), WildcardAvailable: ptr(false),
			SubscriptionIDsAvailable: ptr(true), SharedAvailable: ptr(false), AssignedClientID: "auto", ResponseInformation: "ri",
			ServerReference: "sr", ReasonString: "ok", AuthMethod: text("m"), AuthData: []byte("d"),
			UserProperties: append(user("k", "v1"), user("k", "v2")...)}},
	{server5, "20 05 00 9c 02 24 00", Connack{Version: 5, Code: byte(UseAnotherServer), MaximumQoS: ptr[byte](0)}},
}

var goldenEnd = []golden{
	{client311, "c0 00", empty(TypePingreq)},
	{server311, "d0 00", empty(TypePingresp)},
	{client5, "c0 00", empty(TypePingreq)},
	{server5, "d0 00", empty(TypePingresp)},
	{client311, "e0 00", Disconnect{Version: 4}},
	{client5, "e0 00", Disconnect{Version: 5}},
	{client5, "e0 01 04", Disconnect{Version: 5, Reason: DisconnectWithWill}},
	{server5, "e0 01 8e", Disconnect{Version: 5, Reason: SessionTakenOver}},
	{client5, "e0 07 00 05 11 00000000", Disconnect{Version: 5, SessionExpiry: ptr[uint32](0)}},
	{server5, "e0 13 9c 11 1f 0002'go' 1c 0001's' 26 0001'a'0002'bc'",
		Disconnect{Version: 5, Reason: UseAnotherServer, ReasonString: "go", ServerReference: "s", UserProperties: user("a", "bc")}},
	{server5, "f0 00", Auth{Version: 5}},
	{client5, "f0 07 18 05 15 0002'm1'", Auth{Version: 5, Reason: ContinueAuthentication, Method: text("m1")}},
	{client5, "f0 05 19 03 15 0000", Auth{Version: 5, Reason: ReAuthenticate, Method: text("")}},
	{server5, "f0 18 18 16 15 0001'm' 16 0002 00 01 1f 0003'why' 26 0001'a'0001'b'",
		Auth{Version: 5, Reason: ContinueAuthentication, Method: text("m"), Data: []byte{0, 1}, ReasonString: "why", UserProperties: user("a", "b")}},
}
