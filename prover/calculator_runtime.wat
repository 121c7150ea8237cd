;; What a circom calculator imports as "runtime", and loops over its signals that would be slow from outside.
;;
;; Memory: 0 whether the calculator raised an exception (i32), 4 its code (i32), 8 the length of the message (i32),
;; 16 to 1023 the message, from 1024 on values of 32 bytes each, little-endian.
(module
  ;; Set by the host once the calculator exists:
  ;; 0 getMessageChar, 1 writeSharedRWMemory, 2 readSharedRWMemory, 3 setInputSignal, 4 getWitness
  (table (export "calculator") 5 funcref)
  (memory (export "memory") 1)
  (type $read_char (func (result i32)))
  (type $write (func (param i32 i32)))
  (type $read (func (param i32) (result i32)))
  (type $set (func (param i32 i32 i32)))
  (type $get (func (param i32)))

  (func (export "exceptionHandler") (param $code i32)
    (i32.store (i32.const 0) (i32.const 1))
    (i32.store (i32.const 4) (local.get $code))
    unreachable)

  ;; Where an assertion failed: names of templates and lines, a message a line.
  (func (export "printErrorMessage") (local $char i32) (local $length i32)
    (local.set $length (i32.load (i32.const 8)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.tee $char (call_indirect (type $read_char) (i32.const 0)))))
        (if (i32.lt_u (local.get $length) (i32.const 1000))
          (then
            (i32.store8 offset=16 (local.get $length) (local.get $char))
            (local.set $length (i32.add (local.get $length) (i32.const 1)))))
        (br $next)))
    (i32.store8 offset=16 (local.get $length) (i32.const 10))
    (i32.store (i32.const 8) (i32.add (local.get $length) (i32.lt_u (local.get $length) (i32.const 1000)))))

  ;; Output of log(), which may hold values of signals: read and forgotten.
  (func (export "writeBufferMessage")
    (loop $next (br_if $next (call_indirect (type $read_char) (i32.const 0)))))
  (func (export "showSharedRWMemory"))

  ;; Set the elements of one input signal, whose name has that hash, to the first values.
  (func (export "give") (param $high i32) (param $low i32) (param $count i32)
    (local $index i32) (local $word i32) (local $at i32)
    (local.set $at (i32.const 1024))
    (block $done
      (loop $signal
        (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
        (local.set $word (i32.const 0))
        (loop $words
          (call_indirect (type $write) (local.get $word) (i32.load (local.get $at)) (i32.const 1))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br_if $words
            (i32.lt_u (local.tee $word (i32.add (local.get $word) (i32.const 1))) (i32.const 8))))
        (call_indirect (type $set) (local.get $high) (local.get $low) (local.get $index) (i32.const 3))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $signal))))

  ;; Copy the first elements of the witness into the values.
  (func (export "take") (param $count i32) (local $index i32) (local $word i32) (local $at i32)
    (local.set $at (i32.const 1024))
    (block $done
      (loop $signal
        (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
        (call_indirect (type $get) (local.get $index) (i32.const 4))
        (local.set $word (i32.const 0))
        (loop $words
          (i32.store (local.get $at) (call_indirect (type $read) (local.get $word) (i32.const 2)))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br_if $words
            (i32.lt_u (local.tee $word (i32.add (local.get $word) (i32.const 1))) (i32.const 8))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $signal)))))
