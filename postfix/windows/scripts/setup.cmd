@echo off
rem SPDX-License-Identifier: GPL-3.0-or-later
rem
rem Runs once, in the setup phase of the first boot: SYSTEM\Setup has SetupType=2 and this
rem script as CmdLine. Windows waits for it, so it only takes itself out of the registry, then
rem hands over to a task that runs firstboot.cmd at every start until that is done.
setlocal EnableExtensions DisableDelayedExpansion
set "P2V=%SystemRoot%\p2v"
set "LOG=%P2V%\firstboot.log"
set "TASK=p2v-firstboot"
set "KEY=HKLM\SYSTEM\Setup"
set "PATH=%SystemRoot%\System32;%PATH%"

rem First of all, never again: the values that were there before are kept below the key.
reg copy "%KEY%\p2v" "%KEY%" /f >nul 2>&1
if errorlevel 1 reg add "%KEY%" /v SetupType /t REG_DWORD /d 0 /f >nul 2>&1
reg query "%KEY%" /v SetupType 2>nul | find "0x2" >nul
if errorlevel 1 goto reset
call :log "setup: the registry still starts this script"
if exist "%P2V%\done" exit /b 0
goto hand_over

:reset
reg delete "%KEY%\p2v" /f >nul 2>&1
rem A run of its own: what an earlier one left does not count.
del /q "%P2V%\done" "%P2V%\tries" "%P2V%\rebooted" "%P2V%\network.ok" >nul 2>&1

:hand_over
set TRY=0

:task
schtasks /delete /tn "%TASK%" /f >nul 2>&1 <nul
set "RUN=cmd.exe /c %P2V%\firstboot.cmd"
schtasks /create /tn "%TASK%" /tr "%RUN%" /sc onstart /ru SYSTEM >>"%LOG%" 2>&1 <nul
if not errorlevel 1 goto made
rem The service may not be up yet, or there is none, as in home editions of XP.
set /a TRY=TRY+1
if %TRY% geq 8 goto direct
net start schedule >nul 2>&1
ping -n 4 127.0.0.1 >nul
goto task

:made
call :log "setup: task made"
schtasks /run /tn "%TASK%" >>"%LOG%" 2>&1 <nul
if not errorlevel 1 exit /b 0

:direct
call :log "setup: started without a task"
start "" /b cmd.exe /c "%P2V%\firstboot.cmd"
exit /b 0

:log
>>"%LOG%" echo %DATE% %TIME% %~1
exit /b 0
