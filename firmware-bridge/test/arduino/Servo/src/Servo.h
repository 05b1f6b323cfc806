/* A stand-in for Arduino's Servo, which Debian does not have: one servo on pin 9, by TIMER1, a pulse
   every 20 ms. */
#ifndef SERVO_H
#define SERVO_H

#include <Arduino.h>

class Servo {
 public:
  uint8_t attach(int pin) {
    pinMode(pin, OUTPUT);
    ICR1 = 40000;
    TCCR1A = _BV(COM1A1) | _BV(WGM11);
    TCCR1B = _BV(WGM13) | _BV(WGM12) | _BV(CS11);
    on = true;
    return 0;
  }
  void detach() {
    TCCR1A = 0;
    digitalWrite(9, LOW);
    on = false;
  }
  bool attached() { return on; }
  void writeMicroseconds(int width_us) { OCR1A = 2 * width_us; }

 private:
  bool on = false;
};

#endif
