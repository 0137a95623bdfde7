' SPDX-License-Identifier: GPL-3.0-or-later
'
' What network.ps1 does, for a Windows without PowerShell (XP, 2003, Vista, 2008, Server Core),
' with WMI and netsh only. Exit: 0 done, 10 not all of it.
Option Explicit

Const NicClass = "{4D36E972-E325-11CE-BFC1-08002BE10318}"
Const Hklm = &H80000002
Dim fso, shell, wmi, registry, failed, nics, ghosts, nic, item

Set fso = CreateObject("Scripting.FileSystemObject")
Set shell = CreateObject("WScript.Shell")
Set nics = CreateObject("Scripting.Dictionary")
Set ghosts = CreateObject("Scripting.Dictionary")
failed = False

Set wmi = GetObject("winmgmts:{impersonationLevel=impersonate}!\\.\root\cimv2")
Set registry = GetObject("winmgmts:{impersonationLevel=impersonate}!\\.\root\default:StdRegProv")

ReadData
WaitForCards
For Each item In ghosts.Keys
	RemoveGhost item
Next
For Each item In nics.Keys
	SetNic nics(item)
Next
If failed Then WScript.Quit 10
WScript.Quit 0

Sub Say(text)
	WScript.StdOut.WriteLine Now & " network: " & text
End Sub

Sub Fail(text)
	failed = True
	Say "FAILED: " & text
End Sub

Sub ReadData
	Dim stream, line, at, key
	Set nic = Nothing
	' UTF-16, as names may have any letters.
	Set stream = fso.OpenTextFile(fso.BuildPath(fso.GetParentFolderName(WScript.ScriptFullName), _
		"network.txt"), 1, False, -1)
	Do Until stream.AtEndOfStream
		line = stream.ReadLine
		at = InStr(line, "=")
		If line = "[nic]" Then
			Set nic = CreateObject("Scripting.Dictionary")
			nics.Add nics.Count, nic
		ElseIf at > 1 Then
			key = Left(line, at - 1)
			line = Mid(line, at + 1)
			If key = "ghost" Then
				ghosts(line) = True
			ElseIf Not nic Is Nothing Then
				' Several of a kind are kept one behind the other.
				If nic.Exists(key) Then
					nic(key) = nic(key) & vbTab & line
				Else
					nic.Add key, line
				End If
			End If
		End If
	Loop
	stream.Close
End Sub

Function Member(record, key)
	Member = ""
	If record.Exists(key) Then Member = record(key)
End Function

Function FindCard(mac)
	Dim card, found, count
	Set found = Nothing
	count = 0
	For Each card In wmi.ExecQuery("SELECT * FROM Win32_NetworkAdapter " & _
			"WHERE NetConnectionID IS NOT NULL")
		If UCase("" & card.MACAddress) = UCase(mac) And Left("" & card.PNPDeviceID, 4) = "PCI\" Then
			Set found = card
			count = count + 1
		End If
	Next
	If count <> 1 Then Set found = Nothing
	Set FindCard = found
End Function

Sub WaitForCards
	Dim round, missing, key
	For round = 1 To 60
		missing = 0
		For Each key In nics.Keys
			If FindCard(Member(nics(key), "mac")) Is Nothing Then missing = missing + 1
		Next
		If missing = 0 Then Exit Sub
		WScript.Sleep 5000
	Next
End Sub

Function IsPresent(id)
	Dim device
	IsPresent = False
	For Each device In wmi.ExecQuery("SELECT DeviceID FROM Win32_PnPEntity")
		If UCase("" & device.DeviceID) = UCase(id) Then IsPresent = True
	Next
End Function

Sub DeleteTree(path)
	Dim names, name
	If registry.EnumKey(Hklm, path, names) <> 0 Then Exit Sub
	If IsArray(names) Then
		For Each name In names
			DeleteTree path & "\" & name
		Next
	End If
	If registry.DeleteKey(Hklm, path) <> 0 Then Say "cannot remove " & path
End Sub

Sub RemoveGhost(text)
	Dim part, ccs
	part = Split(text, "|")
	If UBound(part) <> 2 Then Exit Sub
	If IsPresent(part(0)) Then
		Say part(0) & " is there: kept"
		Exit Sub
	End If
	ccs = "SYSTEM\CurrentControlSet\"
	DeleteTree ccs & "Enum\" & part(0)
	DeleteTree ccs & "Control\Class\" & NicClass & "\" & part(1)
	DeleteTree ccs & "Control\Network\" & NicClass & "\" & part(2)
	DeleteTree ccs & "Services\Tcpip\Parameters\Interfaces\" & part(2)
	DeleteTree ccs & "Services\Tcpip6\Parameters\Interfaces\" & part(2)
	DeleteTree ccs & "Services\NetBT\Parameters\Interfaces\Tcpip_" & part(2)
	Say "removed the record of " & part(0)
End Sub

' WMI answers 0 or, when a restart is wanted, 1.
Sub Check(what, answer)
	If answer < 0 Or answer > 1 Then Fail what & ": error " & answer
End Sub

' netsh gets names in quotes, so one with a quote is not given to it.
Sub SetName(card, name)
	Dim old
	old = "" & card.NetConnectionID
	If name = "" Or old = name Then Exit Sub
	On Error Resume Next
	card.NetConnectionID = name
	card.Put_
	If Err.Number <> 0 And InStr(name & old, """") = 0 Then
		Err.Clear
		If shell.Run("netsh.exe interface set interface name=""" & old & """ newname=""" & _
				name & """", 0, True) <> 0 Then Err.Raise 5
	End If
	If Err.Number = 0 Then
		Say "named " & name
	Else
		Say "cannot be named " & name
	End If
	On Error GoTo 0
End Sub

Function Column(lines, number)
	Dim list, i
	list = Split(lines, vbTab)
	For i = 0 To UBound(list)
		list(i) = Split(list(i), " ")(number)
	Next
	Column = list
End Function

Sub SetStatic(config, record)
	Dim lines, metrics, i, automatic
	lines = Member(record, "address")
	If lines = "" Then Exit Sub
	Check "addresses", config.EnableStatic(Column(lines, 0), Column(lines, 1))
	lines = Member(record, "gateway")
	If lines = "" Then Exit Sub
	metrics = Column(lines, 1)
	automatic = False
	For i = 0 To UBound(metrics)
		metrics(i) = CInt(metrics(i))
		If metrics(i) = 0 Then automatic = True
	Next
	' 0 is "automatic", which WMI knows by leaving it out.
	If automatic Then
		Check "gateways", config.SetGateways(Column(lines, 0))
	Else
		Check "gateways", config.SetGateways(Column(lines, 0), metrics)
	End If
End Sub

Sub SetRest(config, record)
	Dim list
	If Member(record, "dns") <> "" Then
		Check "name servers", config.SetDNSServerSearchOrder(Split(record("dns"), vbTab))
	End If
	If Member(record, "domain") <> "" Then
		Check "DNS suffix", config.SetDNSDomain(record("domain"))
	End If
	If Member(record, "wins") <> "" Then
		list = Split(record("wins") & vbTab, vbTab)
		Check "WINS", config.SetWINSServer(list(0), list(1))
	End If
	If Member(record, "netbios") <> "" Then
		Check "NetBIOS", config.SetTcpipNetbios(CLng(record("netbios")))
	End If
End Sub

' What XP does not know is said, and is no failure.
Sub SetExtras(config, record)
	Dim server
	On Error Resume Next
	If Member(record, "metric") <> "" Then
		If config.SetIPConnectionMetric(CLng(record("metric"))) > 1 Or Err.Number <> 0 Then
			Say "metric " & record("metric") & " is not set"
		End If
		Err.Clear
	End If
	For Each server In Split(Member(record, "dns6"), vbTab)
		If shell.Run("netsh.exe interface ipv6 add dnsserver " & CLng(config.InterfaceIndex) & _
				" " & server, 0, True) <> 0 Or Err.Number <> 0 Then
			Say "name server " & server & " is not set, or was set"
		End If
		Err.Clear
	Next
	On Error GoTo 0
End Sub

Sub SetNic(record)
	Dim card, config
	Set card = FindCard(Member(record, "mac"))
	If card Is Nothing Then
		Fail "no card with " & Member(record, "mac")
		Exit Sub
	End If
	Say Member(record, "mac") & " is " & card.Name
	SetName card, Member(record, "name")
	For Each config In wmi.ExecQuery("SELECT * FROM Win32_NetworkAdapterConfiguration " & _
			"WHERE Index=" & card.Index)
		On Error Resume Next
		If Member(record, "dhcp") <> "1" Then SetStatic config, record
		If Err.Number = 0 Then SetRest config, record
		If Err.Number <> 0 Then Fail Err.Description
		On Error GoTo 0
		SetExtras config, record
	Next
End Sub
