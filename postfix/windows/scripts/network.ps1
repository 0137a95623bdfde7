# SPDX-License-Identifier: GPL-3.0-or-later
#
# Gives the virtual machine's network cards the names and addresses of the physical ones, by MAC
# address, as network.txt has them. That file is data: nothing of it is run, and only checked
# addresses and identifiers of devices get into a command line. For PowerShell 2 and newer.
# Exit: 0 done, 10 not all of it.
$ErrorActionPreference = 'Stop'
$here = Split-Path -Parent $MyInvocation.MyCommand.Path
$script:failed = $false
$class = '{4d36e972-e325-11ce-bfc1-08002be10318}'
$ccs = 'Registry::HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet'

function Say([string]$text) {
    [Console]::Out.WriteLine((Get-Date -Format 'yyyy-MM-dd HH:mm:ss') + ' network: ' + $text)
}

function Fail([string]$text) {
    $script:failed = $true
    Say ('FAILED: ' + $text)
}

function New-Nic {
    $nic = @{}
    $texts = 'mac', 'name', 'dhcp', 'team', 'domain', 'metric', 'netbios'
    foreach ($key in $texts) { $nic[$key] = '' }
    foreach ($key in 'address', 'gateway', 'dns', 'dns6', 'wins') {
        $nic[$key] = New-Object System.Collections.ArrayList
    }
    return $nic
}

$nics = New-Object System.Collections.ArrayList
$ghosts = New-Object System.Collections.ArrayList
$nic = $null
foreach ($line in [IO.File]::ReadAllLines((Join-Path $here 'network.txt'))) {
    if ($line -eq '[nic]') {
        $nic = New-Nic
        [void]$nics.Add($nic)
        continue
    }
    $at = $line.IndexOf('=')
    if ($at -lt 1) { continue }
    $key = $line.Substring(0, $at)
    $value = $line.Substring($at + 1)
    if ($key -eq 'ghost') { [void]$ghosts.Add($value) }
    elseif ($nic -eq $null -or -not $nic.ContainsKey($key)) { continue }
    elseif ($nic[$key] -is [System.Collections.ArrayList]) { [void]$nic[$key].Add($value) }
    else { $nic[$key] = $value }
}

# The card with a MAC address; of several, as with teams and bridges, the one on the bus.
function Find-Adapter([string]$mac) {
    $found = @(Get-WmiObject Win32_NetworkAdapter | Where-Object {
        $_.MACAddress -eq $mac -and $_.NetConnectionID -ne $null })
    if ($found.Count -gt 1) {
        $found = @($found | Where-Object { ([string]$_.PNPDeviceID).StartsWith('PCI\') })
    }
    if ($found.Count -eq 1) { return $found[0] }
    return $null
}

# Its driver may have been installed a moment ago.
$until = (Get-Date).AddMinutes(5)
while ((Get-Date) -lt $until) {
    $missing = @($nics | Where-Object { (Find-Adapter $_['mac']) -eq $null })
    if ($missing.Count -eq 0) { break }
    Start-Sleep -Seconds 5
}

# Records of cards that are gone keep names and addresses taken. From Windows 10 2004 on there is a
# command; before, their keys are removed, which SYSTEM may do.
function Remove-Keys([string]$id, [string]$number, [string]$guid) {
    $paths = "$ccs\Enum\$id", "$ccs\Control\Class\$class\$number",
        "$ccs\Control\Network\$class\$guid", "$ccs\Services\Tcpip\Parameters\Interfaces\$guid",
        "$ccs\Services\Tcpip6\Parameters\Interfaces\$guid",
        "$ccs\Services\NetBT\Parameters\Interfaces\Tcpip_$guid"
    foreach ($path in $paths) {
        if (Test-Path -LiteralPath $path) { Remove-Item -LiteralPath $path -Recurse -Force }
    }
}

$build = [int][Environment]::OSVersion.Version.Build
$present = @(Get-WmiObject Win32_PnPEntity | ForEach-Object { [string]$_.DeviceID })
foreach ($ghost in $ghosts) {
    $part = $ghost.Split('|')
    if ($part.Count -ne 3) { continue }
    if ($present -contains $part[0]) {
        Say ($part[0] + ' is there: kept')
        continue
    }
    try {
        $done = $false
        if ($build -ge 19041) {
            & "$env:SystemRoot\System32\pnputil.exe" /remove-device $part[0] | Out-Null
            $done = $LASTEXITCODE -eq 0 -or $LASTEXITCODE -eq 3010
        }
        if (-not $done) { Remove-Keys $part[0] $part[1] $part[2] }
        Say ('removed the record of ' + $part[0])
    } catch {
        Say ('cannot remove the record of ' + $part[0] + ': ' + $_.Exception.Message)
    }
}

# A team of Windows without any of its cards still holds the name and the addresses.
$teams = @($nics | Where-Object { $_['team'] -eq '1' }).Count
if ($teams -gt 0 -and (Get-Command Remove-NetLbfoTeam -ErrorAction SilentlyContinue)) {
    foreach ($team in @(Get-NetLbfoTeam)) {
        try {
            $alive = @($team.Members | Where-Object {
                Get-NetAdapter -Name $_ -Physical -ErrorAction SilentlyContinue })
            if ($alive.Count -gt 0) { continue }
            Remove-NetLbfoTeam -InputObject $team -Confirm:$false
            Say ('removed the team ' + $team.Name)
        } catch {
            Say ('cannot remove the team ' + $team.Name + ': ' + $_.Exception.Message)
        }
    }
}

# WMI answers 0 or, when a restart is wanted, 1.
function Check([string]$what, $answer) {
    if ([int64]$answer.ReturnValue -gt 1) { Fail ($what + ': error ' + $answer.ReturnValue) }
}

function Set-Name($adapter, [string]$name) {
    if ($name -eq '' -or $adapter.NetConnectionID -ceq $name) { return }
    try {
        $adapter.NetConnectionID = $name
        [void]$adapter.Put()
        Say ('named ' + $name)
    } catch {
        Say ('cannot be named ' + $name + ': ' + $_.Exception.Message)
    }
}

function Set-Static($config, $nic) {
    $ips = @(); $masks = @(); $gateways = @(); $metrics = @()
    foreach ($address in $nic['address']) {
        $ips += $address.Split(' ')[0]
        $masks += $address.Split(' ')[1]
    }
    foreach ($gateway in $nic['gateway']) {
        $gateways += $gateway.Split(' ')[0]
        $metrics += [uint16]$gateway.Split(' ')[1]
    }
    Check ('addresses ' + ($ips -join ' ')) ($config.EnableStatic([string[]]$ips, [string[]]$masks))
    if ($gateways.Count -eq 0) { return }
    # 0 is "automatic", which WMI knows by leaving it out.
    if (@($metrics | Where-Object { $_ -eq 0 }).Count -gt 0) {
        $answer = $config.SetGateways([string[]]$gateways)
    } else {
        $answer = $config.SetGateways([string[]]$gateways, [uint16[]]$metrics)
    }
    Check ('gateways ' + ($gateways -join ' ')) $answer
}

function Set-Rest($config, $nic) {
    if ($nic['dns'].Count -gt 0) {
        Check 'name servers' ($config.SetDNSServerSearchOrder([string[]]$nic['dns'].ToArray()))
    }
    if ($nic['domain'] -ne '') { Check 'DNS suffix' ($config.SetDNSDomain($nic['domain'])) }
    if ($nic['wins'].Count -gt 0) {
        $second = ''
        if ($nic['wins'].Count -gt 1) { $second = $nic['wins'][1] }
        Check 'WINS' ($config.SetWINSServer($nic['wins'][0], $second))
    }
    if ($nic['netbios'] -ne '') {
        Check 'NetBIOS' ($config.SetTcpipNetbios([uint32]$nic['netbios']))
    }
    $index = [string][uint32]$config.InterfaceIndex
    if ($nic['metric'] -ne '') {
        $metric = 'metric=' + [uint32]$nic['metric']
        & netsh.exe interface ipv4 set interface $index $metric | Out-Null
        if ($LASTEXITCODE -ne 0) { Fail 'metric' }
    }
    foreach ($server in $nic['dns6']) {
        $server = [Net.IPAddress]::Parse($server).ToString()
        & netsh.exe interface ipv6 add dnsserver $index $server | Out-Null
        if ($LASTEXITCODE -ne 0) { Say ('name server ' + $server + ': not set, or set already') }
    }
}

foreach ($nic in $nics) {
    try {
        $adapter = Find-Adapter $nic['mac']
        if ($adapter -eq $null) {
            Fail ('no card with ' + $nic['mac'])
            continue
        }
        Say ($nic['mac'] + ' is ' + $adapter.Name)
        Set-Name $adapter $nic['name']
        $filter = 'Index=' + [uint32]$adapter.Index
        $config = Get-WmiObject Win32_NetworkAdapterConfiguration -Filter $filter
        if ($nic['dhcp'] -ne '1') { Set-Static $config $nic }
        Set-Rest $config $nic
    } catch {
        Fail ($nic['mac'] + ': ' + $_.Exception.Message)
    }
}
if ($script:failed) { exit 10 }
exit 0
